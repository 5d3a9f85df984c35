// As much of marked's types as the page uses. Its package has them whole, with much that we do not vendor.
export interface Token {
  type: string;
  raw: string;
  text?: string;
  lang?: string;
  href?: string;
  title?: string | null;
  tokens?: Token[];
}
export interface Parser {
  parse(tokens: Token[]): string;
  parseInline(tokens: Token[]): string;
}
export interface Extension {
  name: string;
  level: "block" | "inline";
  start(source: string): number | undefined;
  tokenizer(source: string): Token | undefined;
  renderer(token: Token): string;
}
export class Marked {
  constructor(...extensions: object[]);
  use(...extensions: object[]): this;
  lexer(source: string): Token[] & { links: Record<string, unknown> };
  parser(tokens: Token[]): string;
}
