/** Returns the element that a selector matches. Throws if there is none of this type. */
export function find<T extends Element>(root: ParentNode, selector: string, type: new () => T): T {
  const found = root.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} for ${selector}`);
}
