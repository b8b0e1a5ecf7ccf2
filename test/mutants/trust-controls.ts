import { anchorControls } from './controls/anchors.ts';
import { engineControls } from './controls/engine.ts';
import { failureControls } from './controls/failures.ts';
import { ledgerControls } from './controls/ledgers.ts';
import { lockControls } from './controls/locks.ts';
import { receiptKitControls } from './controls/receipt-kit.ts';
import { receiptControls } from './controls/receipts.ts';
import { snapshotControls } from './controls/snapshots.ts';
import { startControls } from './controls/start.ts';
import { steeringControls } from './controls/steering.ts';
import { tableControls } from './controls/tables.ts';
import type { ControlledTests } from './controls/types.ts';

/** Every check that trust rests on, with the tests that fail without it. */
export const trustControls: readonly ControlledTests[] = [
  ...receiptControls,
  ...receiptKitControls,
  ...engineControls,
  ...steeringControls,
  ...startControls,
  ...snapshotControls,
  ...lockControls,
  ...failureControls,
  ...tableControls,
  ...anchorControls,
  ...ledgerControls,
];
