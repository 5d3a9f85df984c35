// As much of marked's types as the page uses. Its package has them whole, with much that we do not vendor.
export interface Token {
  type: string;
  raw: string;
  text: string;
  lang?: string;
  href?: string;
  checked?: boolean;
  depth?: number;
  tokens?: Token[];
}
export interface Parser {
  parseInline(tokens: Token[]): string;
}
type Render<T = Token> = (this: { parser: Parser }, token: T) => string;
interface Options {
  gfm: boolean;
  tokenizer: { def: () => undefined };
  renderer: {
    html: Render;
    image: Render<Token & { href: string }>;
    link: Render<Token & { href: string; tokens: Token[] }>;
    heading: Render<Token & { depth: number; tokens: Token[] }>;
    code: Render;
    checkbox: Render;
  };
  extensions: {
    name: string;
    level: "block" | "inline";
    start: (source: string) => number | undefined;
    tokenizer: (source: string) => Token | undefined;
    renderer: Render;
  }[];
}
export class Marked {
  constructor(options: Options);
  lexer(source: string): Token[];
  parser(tokens: Token[]): string;
}
