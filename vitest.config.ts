import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/helpers/closing-line.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['machines/**', 'src/**'] },
  },
});
