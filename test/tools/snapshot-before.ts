import type { Sequence } from '../../src/diagrams/sequence.ts';

/**
 * How a CCF node made a snapshot while its parts talked through the ring buffer, drawn by hand from what is known of
 * CCF 6, before pull request 7947 moved all of it into tasks.
 */
export const snapshotBefore: Sequence = {
  title: 'Life of a snapshot before: the ring buffer',
  description:
    'CCF up to version 6. The node serialises and proves, its host keeps the bytes and writes the file, and every step between them is a message through the ring buffer.',
  lanes: [
    { id: 'consensus', name: 'consensus', note: 'node, main thread' },
    { id: 'snapshotter', name: 'snapshotter', note: 'node, one lock' },
    { id: 'worker', name: 'worker', note: 'node, a thread' },
    { id: 'ring', name: 'ring buffer', note: 'messages' },
    { id: 'host', name: 'host', note: 'its event loop' },
    { id: 'pool', name: 'thread pool', note: "of the host's libuv" },
  ],
  steps: [
    {
      kind: 'message',
      from: 'consensus',
      to: 'snapshotter',
      label: 'signature',
      detail: 'is it a snapshot point?',
    },
    {
      kind: 'message',
      from: 'consensus',
      to: 'snapshotter',
      label: 'commit',
      detail: 'has reached the point',
    },
    { kind: 'band', label: 'scheduled', detail: 'the state at the point is captured' },
    { kind: 'message', from: 'snapshotter', to: 'worker', label: 'task' },
    { kind: 'message', from: 'worker', to: 'worker', label: 'serialise, SHA-256' },
    {
      kind: 'message',
      from: 'worker',
      to: 'consensus',
      label: 'evidence transaction',
      detail: 'the digest is its claim',
    },
    {
      kind: 'message',
      from: 'worker',
      to: 'ring',
      label: 'snapshot_allocate',
      detail: 'size, generation',
    },
    { kind: 'message', from: 'ring', to: 'host', label: 'snapshot_allocate' },
    { kind: 'message', from: 'host', to: 'host', label: 'allocates memory' },
    {
      kind: 'answer',
      from: 'host',
      to: 'ring',
      label: 'snapshot_allocated',
      detail: 'where, generation',
    },
    { kind: 'answer', from: 'ring', to: 'snapshotter', label: 'snapshot_allocated' },
    {
      kind: 'message',
      from: 'snapshotter',
      to: 'host',
      label: 'copies the bytes',
      detail: "into the host's memory, once generation and size are checked",
    },
    { kind: 'band', label: 'stored', detail: 'the bytes lie with the host, under no name yet' },
    {
      kind: 'message',
      from: 'consensus',
      to: 'snapshotter',
      label: 'evidence',
      detail: 'its seqno',
    },
    {
      kind: 'message',
      from: 'consensus',
      to: 'snapshotter',
      label: 'signature, tree',
      detail: 'the first of each',
    },
    {
      kind: 'message',
      from: 'consensus',
      to: 'snapshotter',
      label: 'commit',
      detail: 'has passed the evidence',
    },
    {
      kind: 'message',
      from: 'snapshotter',
      to: 'snapshotter',
      label: 'builds the receipt',
      detail: 'on the thread of consensus',
    },
    {
      kind: 'message',
      from: 'snapshotter',
      to: 'ring',
      label: 'snapshot_commit',
      detail: 'seqno, receipt',
    },
    {
      kind: 'band',
      label: 'forgotten',
      detail: 'the snapshotter never learns whether a file came of it',
    },
    { kind: 'message', from: 'ring', to: 'host', label: 'snapshot_commit' },
    { kind: 'message', from: 'host', to: 'host', label: 'writes the file' },
    { kind: 'message', from: 'host', to: 'pool', label: 'sync and rename' },
    { kind: 'message', from: 'pool', to: 'pool', label: 'fsync, close, rename' },
    { kind: 'answer', from: 'pool', to: 'host', label: 'done', detail: 'a line in the log' },
  ],
};
