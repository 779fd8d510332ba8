#!/usr/bin/env node
import { existsSync } from 'node:fs';

// A checkout has what the compiler made last; a package has that in a few modules, which start in half the time.
const isCheckout = existsSync(new URL('../dist/main.js', import.meta.url));
await import(isCheckout ? '../dist/main.js' : '../command/main.js');
