//! Proofs around a power of two that no unit test is patient enough for, made from stored nodes as a server makes them.

use muster_seal::error::ProofError;
use muster_seal::merkle::{
    Edge, Hash, consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion,
};

const SIZES: [u64; 3] = [65_535, 65_536, 65_537];

/// Every perfect subtree of the largest tree by level, and the root at each size.
struct Tree {
    nodes: Vec<Vec<Hash>>,
    roots: Vec<Hash>,
}

impl Tree {
    fn new() -> Self {
        let mut edge = Edge::default();
        let mut tree = Self { nodes: vec![Vec::new(); 17], roots: vec![edge.root()] };
        for i in 0..SIZES[2] {
            edge.push_with(leaf_hash(&i.to_be_bytes()), |level, index, hash| {
                let nodes = &mut tree.nodes[level as usize];
                assert_eq!(nodes.len() as u64, index, "subtrees are complete in order");
                nodes.push(hash);
            });
            tree.roots.push(edge.root());
        }
        tree
    }

    fn node(&self, level: u32, index: u64) -> Result<Hash, ProofError> {
        self.nodes[level as usize].get(index as usize).copied().ok_or(ProofError::Root)
    }
}

/// Indices spread over a tree: both ends, the middle, and a walk with a stride that no power of two divides.
fn sample(size: u64) -> impl Iterator<Item = u64> {
    [0, 1, size / 2 - 1, size / 2, size - 2, size - 1].into_iter().chain((0..size).step_by(977))
}

#[test]
fn proofs_hold_around_two_to_the_sixteenth() {
    let tree = Tree::new();
    for size in SIZES {
        let root = &tree.roots[size as usize];
        for index in sample(size) {
            let leaf = &tree.nodes[0][index as usize];
            let proof = inclusion_proof::<ProofError>(index, size, |l, i| tree.node(l, i)).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()), "{index} in {size}");
            // The neighbour's place, and a sibling bent.
            assert!(verify_inclusion(leaf, index ^ 1, size, &proof, root).is_err(), "{index} in {size}");
            for at in [0, proof.len() - 1] {
                let mut bent = proof.clone();
                bent[at][31] ^= 0x80;
                assert_eq!(
                    verify_inclusion(leaf, index, size, &bent, root),
                    Err(ProofError::Root),
                    "{index} in {size}"
                );
            }

            let old = index + 1;
            let proof = consistency_proof::<ProofError>(old, size, |l, i| tree.node(l, i)).unwrap();
            let before = &tree.roots[old as usize];
            assert_eq!(verify_consistency(old, before, size, root, &proof), Ok(()), "{old} before {size}");
            let other = &tree.roots[old as usize - 1];
            assert!(verify_consistency(old, other, size, root, &proof).is_err(), "{old} before {size}");
        }
    }
}

#[test]
fn one_tree_grows_into_the_next() {
    let tree = Tree::new();
    for old in SIZES {
        for new in SIZES.into_iter().filter(|new| *new >= old) {
            let proof = consistency_proof::<ProofError>(old, new, |l, i| tree.node(l, i)).unwrap();
            let (a, b) = (&tree.roots[old as usize], &tree.roots[new as usize]);
            assert_eq!(verify_consistency(old, a, new, b, &proof), Ok(()), "{old} before {new}");
            if old < new {
                assert_eq!(verify_consistency(old, b, new, a, &proof), Err(ProofError::Root), "{old} before {new}");
            }
        }
    }
}
