//! Chance that is the same for the same seed, on every machine: xoshiro256++ by Blackman and Vigna, seeded by SplitMix64.

/// A source of chance.
#[derive(Debug, Clone)]
pub struct Rng([u64; 4]);

impl Rng {
    /// One for a seed and a purpose: the same numbers give the same chance, others give another.
    pub fn of(seed: u64, purpose: &[u64]) -> Self {
        let mut state = seed;
        let mut mix = |word: u64| {
            state = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            // The whole of it goes on: words that differ in a bit or two must not meet again.
            state = z ^ (z >> 31);
            state
        };
        for word in purpose {
            mix(*word);
        }
        Self(std::array::from_fn(|i| mix(i as u64)))
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        out
    }

    /// From 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Does what has this probability happen?
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// From 0 up to, and without, `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.word()) * n as u128) >> 64) as usize
    }

    /// From `from` to `to`, both among them.
    pub fn range(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1).max(1) as usize) as i64
    }

    /// About `mean`, by the normal law.
    pub fn normal(&mut self, mean: f64, spread: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        mean + spread * radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// About `median`, by the log-normal law; `sigma` is the spread of the logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * self.normal(0.0, sigma).exp()
    }

    /// One of them; the first of none is a bug of the caller.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_chance_and_it_is_even() {
        let draw = |seed, purpose| Rng::of(seed, &[purpose]).bytes::<20>();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        let all: std::collections::BTreeSet<u64> =
            (0..64).flat_map(|a| (0..64).map(move |b| Rng::of(1, &[a, b]).word())).collect();
        assert_eq!(all.len(), 64 * 64);
        let mut rng = Rng::of(7, &[]);
        let hits = (0..10_000).filter(|_| rng.chance(0.1)).count();
        assert!((900..1100).contains(&hits), "{hits}");
        let mean = (0..10_000).map(|_| rng.normal(5.0, 2.0)).sum::<f64>() / 10_000.0;
        assert!((4.9..5.1).contains(&mean), "{mean}");
        assert!((0..1000).all(|_| (3..=5).contains(&rng.range(3, 5))));
    }
}
