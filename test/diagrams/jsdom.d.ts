/** The part of jsdom 26.1.0 that is used here. */
declare module 'jsdom' {
  interface XmlElement {
    readonly textContent: string | null;
    getAttribute(name: string): string | null;
    querySelectorAll(selector: string): Iterable<XmlElement> & { readonly length: number };
  }

  interface XmlDocument {
    readonly documentElement: XmlElement;
    querySelector(selector: string): XmlElement | null;
    querySelectorAll(selector: string): Iterable<XmlElement> & { readonly length: number };
  }

  export class JSDOM {
    constructor(text: string, options?: { readonly contentType: string });
    readonly window: { readonly document: XmlDocument };
  }
}
