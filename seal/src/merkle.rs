//! The Merkle tree of RFC 6962, section 2.1, with SHA-256: leaf and node hashes, roots, inclusion and consistency proofs.
//!
//! A tree is kept as its [`Edge`]: the roots of the perfect subtrees on its right edge, at most 64 hashes, which is all
//! that appending needs. Proofs are made from a caller's function that gives the hash of a perfect subtree.

use ring::digest::{Context, SHA256, digest};

use crate::error::ProofError;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    to_hash(digest(&SHA256, bytes))
}

fn to_hash(digest: ring::digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// `SHA-256(0x00 || leaf)`, RFC 6962 section 2.1.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(leaf);
    to_hash(context.finish())
}

/// `SHA-256(0x01 || left || right)`, RFC 6962 section 2.1.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1; 65];
    block[1..33].copy_from_slice(left);
    block[33..].copy_from_slice(right);
    sha256(&block)
}

/// A growing tree: its size and the roots of the perfect subtrees on its right edge, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

impl Edge {
    /// Restores an edge that was stored.
    ///
    /// # Errors
    /// [`ProofError::Length`] when the number of hashes is not the number of one bits of `size`.
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Result<Self, ProofError> {
        let want = size.count_ones() as usize;
        if roots.len() == want {
            Ok(Self { size, roots })
        } else {
            Err(ProofError::Length { found: roots.len(), want })
        }
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The perfect subtrees' roots, largest first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_, _, _| {});
    }

    /// Appends one leaf hash and tells `made(level, index, hash)` of every perfect subtree this completes, the leaf first.
    pub fn push_with(&mut self, leaf: Hash, mut made: impl FnMut(u32, u64, Hash)) {
        let mut hash = leaf;
        let mut index = self.size;
        made(0, index, hash);
        for level in 1..=self.size.trailing_ones() {
            // There is one root for each one bit of the size, so the trailing ones have theirs at the end.
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
            index >>= 1;
            made(level, index, hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The tree's root; for the empty tree SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => sha256(b""),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The root of the tree over these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut edge = Edge::default();
    for leaf in leaves {
        edge.push(*leaf);
    }
    edge.root()
}

/// The largest power of two below `size`, for `size` of at least 2: where RFC 6962 splits a tree.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The perfect subtrees that tile the leaves `start..end`, where `start` is a multiple of the size of every tree the
/// range can hold; their hashes are folded into the root of that range.
fn range_root<E>(start: u64, end: u64, node: &mut impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let size = end - start;
    if size.is_power_of_two() {
        return node(size.trailing_zeros(), start >> size.trailing_zeros());
    }
    let k = split(size);
    let left = range_root(start, start + k, node)?;
    let right = range_root(start + k, end, node)?;
    Ok(node_hash(&left, &right))
}

/// Makes the inclusion proof of leaf `index` in the tree of `size`, RFC 6962 section 2.1.1.
/// `node(level, i)` gives the root of the perfect subtree over leaves `i << level .. (i + 1) << level`.
///
/// # Errors
/// What `node` returns, and [`ProofError::Index`] (through `From`) when the leaf is not in the tree.
pub fn inclusion_proof<E: From<ProofError>>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if index >= size {
        return Err(ProofError::Index { index, size }.into());
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let k = split(end - start);
        if index < start + k {
            proof.push(range_root(start + k, end, &mut node)?);
            end = start + k;
        } else {
            proof.push(range_root(start, start + k, &mut node)?);
            start += k;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Makes the proof that the tree of size `old` is a prefix of the one of size `new`, RFC 6962 section 2.1.2.
/// Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// What `node` returns, and [`ProofError::Shrinks`] when `old` is above `new`.
pub fn consistency_proof<E: From<ProofError>>(
    old: u64,
    new: u64,
    mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old > new {
        return Err(ProofError::Shrinks { old, new }.into());
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    let mut whole = true;
    while end != old {
        let k = split(end - start);
        if old <= start + k {
            proof.push(range_root(start + k, end, &mut node)?);
            end = start + k;
        } else {
            proof.push(range_root(start, start + k, &mut node)?);
            start += k;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(start, end, &mut node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// How many hashes an inclusion proof has.
pub fn inclusion_length(index: u64, size: u64) -> usize {
    let inner = (64 - (index ^ (size - 1)).leading_zeros()) as usize;
    inner + (index >> inner.min(63)).count_ones() as usize
}

/// Checks that `leaf` is leaf `index` of the tree of `size` with `root`; RFC 9162 section 2.1.3.2.
///
/// # Errors
/// [`ProofError`]: the index, the number of hashes, or the root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let want = inclusion_length(index, size);
    if proof.len() != want {
        return Err(ProofError::Length { found: proof.len(), want });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of size `old` with `old_root` is a prefix of the one of size `new`; RFC 9162 section 2.1.4.2.
/// An `old` of 0 is a prefix of everything and takes an empty proof.
///
/// # Errors
/// [`ProofError`]: the sizes, the number of hashes, or a root.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrinks { old, new });
    }
    if old == new || old == 0 {
        let same = if old == 0 { *old_root == sha256(b"") } else { old_root == new_root };
        return match proof.len() {
            0 if same => Ok(()),
            0 => Err(ProofError::Root),
            found => Err(ProofError::Length { found, want: 0 }),
        };
    }
    // The shape of the proof is known from the sizes alone, so its length is too.
    let mut want = 0;
    let made = consistency_proof::<ProofError>(old, new, |_, _| Ok([0; 32]))?;
    want += made.len();
    if proof.len() != want {
        return Err(ProofError::Length { found: proof.len(), want });
    }
    let mut hashes = proof.iter();
    let first = if old.is_power_of_two() { old_root } else { hashes.next().ok_or(ProofError::Root)? };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return Err(ProofError::Root);
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && from_old == *old_root && from_new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// A `node` function over leaf hashes held in memory, for logs that fit there: a session's, or a test's.
pub fn node_of(leaves: &[Hash]) -> impl Fn(u32, u64) -> Result<Hash, ProofError> {
    move |level, index| {
        let (start, end) = ((index << level) as usize, ((index + 1) << level) as usize);
        let leaves =
            leaves.get(start..end).ok_or(ProofError::Index { index: end as u64, size: leaves.len() as u64 })?;
        Ok(root(leaves))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// The definition of RFC 6962 section 2.1, written down as it stands there.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => sha256(b""),
            1 => leaves[0],
            n => {
                let k = split(n as u64) as usize;
                node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_edge_gives_the_root_of_the_definition() {
        for n in (0..300).chain([1023, 1024, 1025]) {
            assert_eq!(root(&leaves(n)), mth(&leaves(n)), "{n}");
        }
    }

    #[test]
    fn proofs_verify_for_every_size_and_index_and_for_no_other() {
        let all = leaves(300);
        let roots: Vec<Hash> = (0..=300).map(|n| root(&all[..n])).collect();
        for size in 1..=300u64 {
            let node = node_of(&all[..size as usize]);
            for index in 0..size {
                let proof = inclusion_proof::<ProofError>(index, size, &node).unwrap();
                let leaf = &all[index as usize];
                let root = &roots[size as usize];
                verify_inclusion(leaf, index, size, &proof, root).unwrap();
                let other = (index + 1) % size;
                if other != index {
                    verify_inclusion(leaf, other, size, &proof, root).unwrap_err();
                }
                let mut long = proof.clone();
                long.push([0; 32]);
                assert!(matches!(verify_inclusion(leaf, index, size, &long, root), Err(ProofError::Length { .. })));
            }
        }
    }

    #[test]
    fn consistency_holds_for_every_pair_of_sizes() {
        let all = leaves(300);
        let roots: Vec<Hash> = (0..=300).map(|n| root(&all[..n])).collect();
        for new in (0..=300u64).step_by(1) {
            let node = node_of(&all[..new as usize]);
            for old in 0..=new {
                let proof = consistency_proof::<ProofError>(old, new, &node).unwrap();
                let (a, b) = (&roots[old as usize], &roots[new as usize]);
                verify_consistency(old, a, new, b, &proof).unwrap_or_else(|e| panic!("{old} {new}: {e}"));
                for i in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[i][7] ^= 1;
                    assert_eq!(verify_consistency(old, a, new, b, &bad), Err(ProofError::Root), "{old} {new} {i}");
                }
            }
        }
    }
}
