export { isReferenceSubtree, ReferenceTree } from './reference-tree.ts';
