//! The order that nobody declared: between hierarchies, and of locks without a rank.
//!
//! Nodes are classes. An edge from A to B means that B was asked for while A was held. Inside a hierarchy
//! the table is the edges: from each class to every later one. An acquisition that would close a cycle, of
//! any length, is a violation; any other is remembered for the life of the process, with the places that
//! taught it, whatever becomes of the locks. So the edges never have a cycle.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::sync::LazyLock;

use parking_lot::RwLock;

use super::{Breach, Checker};
use crate::Class;
use crate::report::Acquisition;
use crate::violation::ViolationKind;

/// The order that the program shows: between two hierarchies, and for [`learned`](crate::learned) locks.
///
/// ```
/// use lockorder::{LearnedOrder, learned::Mutex, set_checker, testing::violations};
///
/// set_checker(LearnedOrder); // and not by ranks
/// let (routes, peers) = (Mutex::named("routes", 0), Mutex::named("peers", 0));
/// drop((routes.lock(), peers.lock())); // learned: first the routes, then the peers
/// let found = violations(|| drop((peers.lock(), routes.lock())));
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// # lockorder::reset_checker();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LearnedOrder;

/// A step of the order: `after` is taken while `before` is held.
///
/// ```
/// use lockorder::{learned::Mutex, testing::violations};
///
/// let (routes, peers) = (Mutex::named("routes", 0), Mutex::named("peers", 0));
/// drop((routes.lock(), peers.lock()));
/// for violation in violations(|| drop((peers.lock(), routes.lock()))) {
///     let edge = &violation.learned[0];
///     assert_eq!((edge.before.name(), edge.after.name()), ("routes", "peers"));
///     println!("{edge}"); // routes (learned) at .., then peers (learned) at ..
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Edge {
    /// The outer class.
    pub before: &'static Class,
    /// The inner class.
    pub after: &'static Class,
    /// Where the outer lock was held from and the inner one was asked for when this was seen first; `None`
    /// for a step that a table declares.
    pub seen: Option<(&'static Location<'static>, &'static Location<'static>)>,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, .. } = self;
        match self.seen {
            Some((outer, inner)) => write!(f, "{before} at {outer}, then {after} at {inner}"),
            None => write!(f, "{before}, then {after}, as declared"),
        }
    }
}

impl Checker for LearnedOrder {
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
        let foreign = |h: &&Acquisition| {
            h.class.is_placed() && !std::ptr::eq(h.class.table(), wanted.class.table())
        };
        if !wanted.class.is_placed() {
            return None;
        }
        if GRAPH.read().knows_all(held.iter().filter(foreign), wanted) {
            return None;
        }
        let mut graph = GRAPH.write();
        let cycle = held.iter().position(|h| foreign(&h) && graph.reaches(wanted.class, h.class));
        if let Some(held_at) = cycle {
            let learned = graph.path(wanted.class, held[held_at].class);
            return Some(Breach { kind: ViolationKind::LearnedOrder, held: held_at, learned });
        }
        held.iter().filter(foreign).for_each(|h| graph.learn(h, wanted));
        None
    }
}

static GRAPH: LazyLock<RwLock<Graph>> = LazyLock::new(RwLock::default);

/// A class by its address, which is what tells two apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node(&'static Class);

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

#[derive(Default)]
struct Graph {
    edges: HashMap<(Node, Node), Edge>,
    next: HashMap<Node, Vec<Node>>,
}

impl Graph {
    fn knows_all<'a>(
        &self,
        mut held: impl Iterator<Item = &'a Acquisition>,
        wanted: &Acquisition,
    ) -> bool {
        held.all(|h| self.edges.contains_key(&(Node(h.class), Node(wanted.class))))
    }

    fn learn(&mut self, held: &Acquisition, wanted: &Acquisition) {
        let (before, after) = (Node(held.class), Node(wanted.class));
        if let Entry::Vacant(entry) = self.edges.entry((before, after)) {
            let seen = Some((held.site, wanted.site));
            entry.insert(Edge { before: before.0, after: after.0, seen });
            self.next.entry(before).or_default().push(after);
        }
    }

    fn reaches(&self, from: &'static Class, to: &'static Class) -> bool {
        !self.path(from, to).is_empty()
    }

    /// The steps of the shortest way from one class to another; none if the order does not lead there.
    #[expect(clippy::mutable_key_type, reason = "a class is hashed by its address")]
    fn path(&self, from: &'static Class, to: &'static Class) -> Vec<Edge> {
        let (from, to) = (Node(from), Node(to));
        let mut came_from = HashMap::from([(from, from)]);
        let mut open = VecDeque::from([from]);
        while let Some(node) = open.pop_front() {
            if node == to {
                break;
            }
            for next in self.after(node) {
                if let Entry::Vacant(entry) = came_from.entry(next) {
                    entry.insert(node);
                    open.push_back(next);
                }
            }
        }
        let mut path = Vec::new();
        let mut node = to;
        while let Some(&before) = came_from.get(&node).filter(|&&before| before != node) {
            path.push(self.edge(before, node));
            node = before;
        }
        path.reverse();
        path
    }

    fn edge(&self, before: Node, after: Node) -> Edge {
        let seen = || self.edges.get(&(before, after)).cloned();
        seen().unwrap_or(Edge { before: before.0, after: after.0, seen: None })
    }

    /// The classes one step on. The table is a chain: its next row leads to all later ones.
    fn after(&self, node: Node) -> impl Iterator<Item = Node> {
        let learned = self.next.get(&node).into_iter().flatten().copied();
        let declared = node.0.table().classes().get(node.0.position() as usize + 1).map(Node);
        learned.chain(declared)
    }
}
