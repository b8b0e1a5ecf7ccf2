import { describe } from 'vitest';
