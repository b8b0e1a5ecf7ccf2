import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** Debian's; `.ci/system-packages` installs it. */
export const chromiumPath = '/usr/bin/chromium';

export const hasChromium = (): boolean => existsSync(chromiumPath);

/**
 * The fonts that pages and pictures are tried with: the widest that is usual, and one with the widths of Arial and
 * Helvetica.
 */
export const families = ['DejaVu Sans', 'Liberation Sans'] as const;

export type Family = (typeof families)[number];

const fontsPath = '/usr/share/fonts';

const fontFiles: Readonly<Record<Family, RegExp>> = {
  'DejaVu Sans': /(^|\/)DejaVuSans\.ttf$/,
  'Liberation Sans': /(^|\/)LiberationSans-Regular\.ttf$/,
};

export function hasFamily(family: Family): boolean {
  if (!existsSync(fontsPath)) return false;
  const names = readdirSync(fontsPath, { recursive: true, encoding: 'utf8' });
  return names.some((name) => fontFiles[family].test(name));
}

/** Starts a Chromium that asks nothing of the world by itself, and that sees one font family alone where one is given. */
export async function launchChromium(family?: Family): Promise<Browser> {
  const fonts = family === undefined ? undefined : onlyFamily(family);
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
    ...(fonts && { env: { ...definedOf(process.env), FONTCONFIG_FILE: fonts.file } }),
  });
  browser.on('disconnected', () => fonts?.remove());
  return browser;
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
}

/** A configuration of fontconfig in which every other family is missing, so that each name of a font leads to this one. */
function onlyFamily(family: Family): { readonly file: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'one-font-'));
  const file = join(directory, 'fonts.conf');
  const pattern = (name: string, value: string) =>
    `<pattern><patelt name="${name}">${value}</patelt></pattern>`;
  const lines = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">',
    `<fontconfig><dir>${fontsPath}</dir><cachedir>${directory}</cachedir><selectfont>`,
    `<rejectfont>${pattern('scalable', '<bool>true</bool>')}</rejectfont>`,
    `<rejectfont>${pattern('scalable', '<bool>false</bool>')}</rejectfont>`,
    `<acceptfont>${pattern('family', `<string>${family}</string>`)}</acceptfont>`,
    '</selectfont></fontconfig>',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
