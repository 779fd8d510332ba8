export { type CddlCheck, CddlValidators, type CddlVerdict } from './cddl.ts';
export { type Fault, FaultStore, Latch, type Operation, type Step } from './fault-store.ts';
export { MemoryDisk, MemoryStore } from './memory-store.ts';
export { PythonEnvironment } from './python.ts';
export { SeededRandom } from './random.ts';
export { nameOf, ReferenceIndex, streamKeyOf, subjectKeyOf, treeOver } from './reference-index.ts';
export { ReferencePrefixTree } from './reference-prefix-tree.ts';
export { isReferenceSubtree, ReferenceTree } from './reference-tree.ts';
export { type StoreHarness, type StorePlace, storeCompliance } from './store-compliance.ts';
