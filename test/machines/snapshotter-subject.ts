// Shipped, as those of alphabets.ts are.
export {
  bySeconds,
  oneFullPoint,
  oneLeanPoint,
  pointsByTime,
  pointsPast,
  signing,
  slotEnded,
  snapshotterSubject,
  status,
} from '../../src/testing/subjects/snapshotter.ts';
