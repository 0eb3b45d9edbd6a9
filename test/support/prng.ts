// The random generator sfc32, seeded through splitmix32, so that neighbouring seeds have different
// first numbers.
export type Prng = {
  uint32(): number;
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform in 0..n-1. */
  below(n: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly [T, ...T[]]): T;
  shuffle<T>(list: readonly T[]): T[];
};

export function createRandom(seed: number): Prng {
  let mix = seed | 0;
  const next = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [next(), next(), next(), 1];
  const uint32 = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warm = 0; warm < 12; warm++) uint32();
  const unit = () => uint32() / 2 ** 32;
  const below = (n: number) => Math.floor(unit() * n);
  return {
    uint32,
    unit,
    below,
    chance: (probability) => unit() < probability,
    pick: (list) => list[below(list.length)] ?? list[0],
    shuffle: (list) => {
      const left = [...list];
      return list.flatMap(() => left.splice(below(left.length), 1));
    },
  };
}
