import { sha256 } from '../encoding/sha256.ts';
import { type FoldedPath, foldPathWith, type MerklePath } from './path-fold.ts';

export {
  type FoldedPath,
  leadsFrom,
  type MerklePath,
  type PathStep,
  pair,
} from './path-fold.ts';

/**
 * Computes the root that a path leads to from a leaf; proves nothing until the root is compared.
 * @throws FormatError `MERKLE_PATH` on more steps than a tree can have, or a hash not of 32 bytes
 */
export function foldPath(leaf: Uint8Array, path: MerklePath): FoldedPath {
  return foldPathWith(sha256, leaf, path);
}
