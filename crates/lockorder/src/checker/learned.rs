//! The order between hierarchies, which nobody declared: it is learned.
//!
//! Nodes are classes. An edge from A to B means that B was asked for while A was held. Inside a hierarchy
//! the table is the edges: from each class to every later one. An acquisition that would close a cycle, of
//! any length, is a violation; any other is remembered for the life of the process, with the places that
//! taught it, whatever becomes of the locks.

use std::collections::HashSet;

use parking_lot::RwLock;

use crate::Class;

type Node = &'static Class;

static EDGES: RwLock<Vec<(Node, Node)>> = RwLock::new(Vec::new());

/// Learns that `wanted` is asked for under all of `held`; or nothing, if one of them would close a cycle,
/// and returns that one.
pub(super) fn learn(held: &[Node], wanted: Node) -> Result<(), Node> {
    let is_new = |edges: &[(Node, Node)], held: Node| !edges.contains(&(held, wanted));
    if held.iter().all(|&held| !is_new(&EDGES.read(), held)) {
        return Ok(());
    }
    let mut edges = EDGES.write();
    if let Some(&cycle) = held.iter().find(|&&held| reaches(&edges, wanted, held)) {
        return Err(cycle);
    }
    for &held in held {
        if is_new(&edges, held) {
            edges.push((held, wanted));
        }
    }
    Ok(())
}

/// Whether the order so far leads from one class to another.
fn reaches(edges: &[(Node, Node)], from: Node, to: Node) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to || node.is_before(to) {
            return true;
        }
        if !seen.insert(std::ptr::from_ref(node)) {
            continue;
        }
        let next = edges.iter().filter(|(a, _)| *a == node || node.is_before(a)).map(|(_, b)| *b);
        open.extend(next);
    }
    false
}
