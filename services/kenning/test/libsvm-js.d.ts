/** The part of libsvm-js that the tests use as an oracle; it brings no types. */
declare module 'libsvm-js/asm.js' {
  interface Libsvm {
    train(samples: number[][], labels: number[]): void;
    serializeModel(): string;
    getSVIndices(): number[];
    free(): void;
  }
  interface LibsvmConstructor {
    new (options: {
      type: number;
      kernel: number;
      gamma: number;
      nu: number;
      tolerance: number;
      quiet: boolean;
    }): Libsvm;
    SVM_TYPES: { ONE_CLASS: number };
    KERNEL_TYPES: { RBF: number };
  }
  const Libsvm: LibsvmConstructor;
  export default Libsvm;
}
