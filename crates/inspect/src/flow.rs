//! Control flow of a listing: its blocks, and the loops among them.

use crate::instruction::{Class, Instruction, Mix};
use petgraph::algo::dominators::simple_fast;
use petgraph::graphmap::DiGraphMap;
use std::collections::BTreeSet;

/// A program as blocks of instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Blocks in the order of the listing; the first one is entered first.
    pub(crate) blocks: Vec<Block>,
}

/// Instructions without a branch in or out but at the ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Label that branches name.
    pub label: String,
    /// Instructions in order.
    pub instructions: Vec<Instruction>,
    /// Labels of the blocks that may come next.
    pub next: Vec<String>,
    /// Whether the block below may come next.
    pub falls_through: bool,
}

/// A loop: the instructions that it repeats, without those of loops inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loop {
    /// Instructions in the order of the listing.
    pub instructions: Vec<Instruction>,
    /// Number of loops around it.
    pub depth: usize,
}

impl Program {
    /// Returns all instructions in the order of the listing.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.blocks.iter().flat_map(|block| &block.instructions)
    }
}

impl Loop {
    /// Returns how many instructions of `class` one pass of the loop issues.
    pub fn count(&self, class: Class) -> u32 {
        Mix::of(&self.instructions).count(class)
    }

    /// Returns the instructions by class.
    pub fn mix(&self) -> Mix {
        Mix::of(&self.instructions)
    }
}

/// Returns the loops of `program`, the hottest first: the one with the most matrix instructions of its own, then
/// multiply-adds, then loads.
///
/// A loop is a natural loop: an edge whose target dominates its source, and all blocks from which the source is
/// reached without passing the target (Aho, Lam, Sethi, Ullman, Compilers, 2nd edition, 9.6.6). Loops of one target are
/// one loop.
pub fn loops(program: &Program) -> Vec<Loop> {
    let blocks = &program.blocks;
    if blocks.is_empty() {
        return Vec::new();
    }
    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    (0..blocks.len()).for_each(|at| {
        graph.add_node(at);
    });
    for (at, block) in blocks.iter().enumerate() {
        for label in &block.next {
            if let Some(to) = blocks.iter().position(|other| other.label == *label) {
                graph.add_edge(at, to, ());
            }
        }
        if block.falls_through && at + 1 < blocks.len() {
            graph.add_edge(at, at + 1, ());
        }
    }
    let dominators = simple_fast(&graph, 0);
    let dominates = |above: usize, below: usize| {
        dominators.dominators(below).is_some_and(|mut all| all.any(|one| one == above))
    };
    let mut found: Vec<(usize, BTreeSet<usize>)> = Vec::new();
    for (from, to, ()) in graph.all_edges().filter(|(from, to, ())| dominates(*to, *from)) {
        let mut inside = BTreeSet::from([to]);
        let mut open = vec![from];
        while let Some(block) = open.pop() {
            if inside.insert(block) {
                open.extend(graph.neighbors_directed(block, petgraph::Direction::Incoming));
            }
        }
        match found.iter_mut().find(|(header, _)| *header == to) {
            Some((_, blocks)) => blocks.extend(inside),
            None => found.push((to, inside)),
        }
    }
    let is_within = |inner: &(usize, BTreeSet<usize>), outer: &(usize, BTreeSet<usize>)| {
        inner.0 != outer.0 && outer.1.contains(&inner.0)
    };
    let mut loops: Vec<Loop> = found
        .iter()
        .map(|one| {
            let inner: BTreeSet<usize> = found
                .iter()
                .filter(|other| is_within(other, one))
                .flat_map(|other| other.1.iter().copied())
                .collect();
            let own = one.1.iter().filter(|block| !inner.contains(block));
            Loop {
                instructions: own.flat_map(|block| blocks[*block].instructions.iter().cloned()).collect(),
                depth: found.iter().filter(|other| is_within(one, other)).count(),
            }
        })
        .collect();
    loops.sort_by_key(|one| {
        let mix = one.mix();
        let loads = mix.count(Class::GlobalLoad) + mix.count(Class::WorkgroupLoad);
        std::cmp::Reverse((mix.count(Class::Matrix), mix.count(Class::MultiplyAdd), loads, mix.total()))
    });
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, classes: &[Class], next: &[&str], falls_through: bool) -> Block {
        Block {
            label: label.into(),
            instructions: classes.iter().map(|class| Instruction::new("x", *class, 0)).collect(),
            next: next.iter().map(|label| label.to_string()).collect(),
            falls_through,
        }
    }

    #[test]
    fn a_loop_is_what_can_come_back_to_its_head_wherever_it_stands() {
        // As NVK lays them out: the last block of the loop stands behind the end of the program.
        let program = Program {
            blocks: vec![
                block("entry", &[Class::Scalar], &[], true),
                block("head", &[Class::WorkgroupLoad], &["end"], true),
                block("body", &[Class::MultiplyAdd, Class::MultiplyAdd], &["latch"], false),
                block("end", &[Class::GlobalStore], &[], false),
                block("latch", &[Class::Arithmetic], &["head"], false),
            ],
        };
        let found = loops(&program);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mix().total(), 4);
        assert_eq!(found[0].count(Class::GlobalStore), 0);
    }

    #[test]
    fn the_instructions_of_an_inner_loop_are_not_those_of_the_outer_one() {
        let program = Program {
            blocks: vec![
                block("entry", &[], &[], true),
                block("outer", &[Class::GlobalLoad, Class::MultiplyAdd], &[], true),
                block("inner", &[Class::MultiplyAdd, Class::MultiplyAdd], &["inner"], true),
                block("latch", &[Class::Scalar], &["outer"], true),
                block("end", &[], &[], false),
            ],
        };
        let found = loops(&program);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].count(Class::MultiplyAdd), found[0].depth), (2, 1));
        assert_eq!((found[1].count(Class::MultiplyAdd), found[1].depth), (1, 0));
        assert_eq!(found[1].count(Class::GlobalLoad), 1);
    }

    #[test]
    fn a_branch_forward_is_no_loop() {
        let program = Program {
            blocks: vec![
                block("entry", &[Class::MultiplyAdd], &["end"], true),
                block("then", &[], &[], true),
                block("end", &[], &[], false),
            ],
        };
        assert_eq!(loops(&program), []);
        assert_eq!(loops(&Program::default()), []);
    }
}
