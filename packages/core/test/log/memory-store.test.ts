import { FaultStore, MemoryDisk, MemoryStore, storeCompliance } from '@vitrine/testkit';

storeCompliance('MemoryStore, behind a FaultStore', {
  isExclusive: false,
  place: async () => {
    const disk = new MemoryDisk();
    return {
      create: async (description) => new FaultStore(await MemoryStore.create(disk, description)),
      open: async () => new FaultStore(await MemoryStore.open(disk)),
      breakNext: (store, operation, fault) => (store as FaultStore).plan(operation, { fault }),
      remove: async () => {},
    };
  },
});
