import { type DrawnMachine, drawnMachines } from '../../src/cli/commands/drawn-machines.ts';
import { machineToSvg } from '../../src/diagrams/svg.ts';
import { countPaths, pathSets, uncounted } from './path-counts.ts';

/**
 * The chart of a machine with the number of generated paths through each state and transition.
 * @throws Error when there is one that no path runs through
 */
export async function coverageMap(name: keyof typeof drawnMachines): Promise<string> {
  const { machine, ...options }: DrawnMachine = drawnMachines[name];
  const counts = countPaths(machine, pathSets[name]());
  const missing = uncounted(machine, counts);
  if (missing.length > 0) throw new Error(`no path runs through ${missing.join(', ')}`);
  return machineToSvg(machine, { ...options, counts });
}

/** Names of all maps. */
export const coverageMapNames = Object.keys(drawnMachines) as (keyof typeof drawnMachines)[];
