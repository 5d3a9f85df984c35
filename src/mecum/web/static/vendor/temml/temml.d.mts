// As much of Temml's types as the page uses.
declare const temml: {
  render(tex: string, element: Element, options: { displayMode: boolean; throwOnError: boolean; trust: false; maxExpand: number; maxSize: number[] }): void;
};
export default temml;
