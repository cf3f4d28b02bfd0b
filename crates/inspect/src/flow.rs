//! Control flow of a listing: its blocks, and the loops among them.

use crate::instruction::{Class, Instruction, Mix};
use petgraph::Direction;
use petgraph::algo::dominators::{Dominators, simple_fast};
use petgraph::graphmap::DiGraphMap;
use petgraph::visit::DfsPostOrder;
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
    /// Its blocks, each before those that may come after it; the first one is the head.
    parts: Vec<Part>,
}

/// A block of a loop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    /// Instructions; none for a block of an inner loop.
    instructions: Vec<Instruction>,
    /// Blocks of the loop that may come next, by their places.
    next: Vec<usize>,
    /// Whether the head may come next, so that a pass ends here.
    ends: bool,
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

    /// Returns the instructions by class, of all ways through the loop together.
    pub fn mix(&self) -> Mix {
        Mix::of(&self.instructions)
    }

    /// Returns the sums of `weights` of the instructions on that way through the loop on which the first sum minus
    /// `price` times the second one is largest.
    pub(crate) fn best_way(&self, price: f64, weights: impl Fn(&Instruction) -> (f64, f64)) -> (f64, f64) {
        // From the last block to the head: the best way from there to the end of the pass. `None`: the loop is left.
        let mut best: Vec<Option<(f64, f64)>> = vec![None; self.parts.len()];
        let worth = |(gain, cost): (f64, f64)| gain - price * cost;
        for (at, part) in self.parts.iter().enumerate().rev() {
            let end = part.ends.then_some((0.0, 0.0));
            let onward = part.next.iter().filter_map(|next| best[*next]).chain(end);
            let onward = onward.max_by(|one, other| worth(*one).total_cmp(&worth(*other)));
            best[at] = onward.map(|(gain, cost)| {
                part.instructions.iter().fold((gain, cost), |(gain, cost), one| {
                    let (more_gain, more_cost) = weights(one);
                    (gain + more_gain, cost + more_cost)
                })
            });
        }
        best.first().copied().flatten().unwrap_or((0.0, 0.0))
    }
}

/// Returns the loops of `program`, the hottest first: the one with the most matrix instructions of its own, then
/// multiply-adds, then loads.
///
/// A loop is a natural loop: an edge whose target dominates its source, and all blocks from which the source is
/// reached without passing the target (Aho, Lam, Sethi, Ullman, Compilers, 2nd edition, 9.6.6). Loops of one target are
/// one loop.
pub fn loops(program: &Program) -> Vec<Loop> {
    let Some(flow) = Flow::of(program) else { return Vec::new() };
    let found = flow.natural_loops();
    let mut loops: Vec<Loop> = found.iter().map(|one| flow.region(program, one, &found)).collect();
    loops.sort_by_key(|one| {
        let mix = one.mix();
        let loads = mix.count(Class::GlobalLoad) + mix.count(Class::WorkgroupLoad);
        std::cmp::Reverse((mix.count(Class::Matrix), mix.count(Class::MultiplyAdd), loads, mix.total()))
    });
    loops
}

/// Returns where `program` spends its time: its hottest loop, or, if that multiplies nothing and the instructions outside of
/// all loops do, those. A loop that a compiler unrolled as a whole is there. `None` if there is neither.
pub fn hottest(program: &Program) -> Option<Loop> {
    let multiplies = |one: &Loop| one.count(Class::Matrix) + one.count(Class::MultiplyAdd) > 0;
    let hot = loops(program).into_iter().next();
    if hot.as_ref().is_some_and(multiplies) {
        return hot;
    }
    let flow = Flow::of(program)?;
    let all = (0, (0..program.blocks.len()).filter(|block| flow.dominates(0, *block)).collect());
    let outside = flow.region(program, &all, &flow.natural_loops());
    if multiplies(&outside) { Some(outside) } else { hot }
}

/// Head and blocks of a loop.
type Inside = (usize, BTreeSet<usize>);

/// Edges between the blocks of a program.
struct Flow {
    graph: DiGraphMap<usize, ()>,
    dominators: Dominators<usize>,
}

impl Flow {
    fn of(program: &Program) -> Option<Self> {
        let blocks = &program.blocks;
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
        (!blocks.is_empty()).then(|| Flow { dominators: simple_fast(&graph, 0), graph })
    }

    fn dominates(&self, above: usize, below: usize) -> bool {
        self.dominators.dominators(below).is_some_and(|mut all| all.any(|one| one == above))
    }

    fn natural_loops(&self) -> Vec<Inside> {
        let mut found: Vec<Inside> = Vec::new();
        for (from, to, ()) in self.graph.all_edges().filter(|(from, to, ())| self.dominates(*to, *from)) {
            let mut inside = BTreeSet::from([to]);
            let mut open = vec![from];
            while let Some(block) = open.pop() {
                // Padding behind a branch leads into the loop, but nothing leads to it.
                if self.dominates(to, block) && inside.insert(block) {
                    open.extend(self.graph.neighbors_directed(block, Direction::Incoming));
                }
            }
            match found.iter_mut().find(|(head, _)| *head == to) {
                Some((_, blocks)) => blocks.extend(inside),
                None => found.push((to, inside)),
            }
        }
        found
    }

    /// Returns the instructions of `one`, a loop or the whole program, without those of the `loops` inside it. A pass ends
    /// where the head may come next, or nothing.
    fn region(&self, program: &Program, one: &Inside, loops: &[Inside]) -> Loop {
        let is_whole = !loops.contains(one);
        let is_within =
            |inner: &Inside, outer: &Inside| (is_whole || inner.0 != outer.0) && outer.1.contains(&inner.0);
        let inner = loops.iter().filter(|other| is_within(other, one));
        let inner: BTreeSet<usize> = inner.flat_map(|other| other.1.iter().copied()).collect();
        let own = one.1.iter().filter(|block| !inner.contains(block));
        let order = self.order(one);
        let parts = order.iter().map(|block| Part {
            instructions: if inner.contains(block) {
                Vec::new()
            } else {
                program.blocks[*block].instructions.clone()
            },
            next: self
                .graph
                .neighbors(*block)
                .filter(|next| !self.dominates(*next, *block))
                .filter_map(|next| order.iter().position(|other| *other == next))
                .collect(),
            ends: if is_whole {
                self.graph.neighbors(*block).next().is_none()
            } else {
                self.graph.contains_edge(*block, one.0)
            },
        });
        Loop {
            instructions: own.flat_map(|block| program.blocks[*block].instructions.iter().cloned()).collect(),
            depth: loops.iter().filter(|other| *other != one && is_within(one, other)).count(),
            parts: parts.collect(),
        }
    }

    /// Returns the blocks of a loop, each before those that may come after it; edges back to a head are left out.
    fn order(&self, (head, inside): &Inside) -> Vec<usize> {
        let mut forward: DiGraphMap<usize, ()> = DiGraphMap::new();
        inside.iter().for_each(|block| {
            forward.add_node(*block);
        });
        for (from, to, ()) in self.graph.all_edges() {
            if inside.contains(&from) && inside.contains(&to) && !self.dominates(to, from) {
                forward.add_edge(from, to, ());
            }
        }
        let mut walk = DfsPostOrder::new(&forward, *head);
        let mut order: Vec<usize> = std::iter::from_fn(|| walk.next(&forward)).collect();
        order.reverse();
        order
    }
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
    fn the_best_way_leaves_out_what_only_some_passes_do() {
        // A head with two ways: one that ends the loop at the next test, one that works.
        let program = Program {
            blocks: vec![
                block("head", &[Class::Arithmetic], &["work"], true),
                block("stop", &[Class::Scalar, Class::Scalar], &["latch"], false),
                block("work", &[Class::MultiplyAdd, Class::MultiplyAdd, Class::GlobalLoad], &[], true),
                block("latch", &[Class::Branch], &["head"], true),
                block("end", &[], &[], false),
            ],
        };
        let found = &loops(&program)[0];
        assert_eq!(found.mix().total(), 7);
        let weights = |one: &Instruction| (f64::from(u8::from(one.class == Class::MultiplyAdd)), 1.0);
        assert_eq!(found.best_way(0.0, weights), (2.0, 5.0));
        // 2 - 3 · 5 is less than 0 - 3 · 4.
        assert_eq!(found.best_way(3.0, weights), (0.0, 4.0));
    }

    #[test]
    fn where_no_loop_multiplies_the_instructions_outside_of_loops_are_the_hot_ones() {
        let mut program = Program {
            blocks: vec![
                block("entry", &[Class::GlobalLoad], &["rare"], true),
                block("work", &[Class::MultiplyAdd, Class::MultiplyAdd], &["sums"], false),
                block("rare", &[Class::Scalar], &[], true),
                block("sums", &[Class::Arithmetic], &["sums"], true),
                block("end", &[Class::GlobalStore], &[], false),
            ],
        };
        let hot = hottest(&program).unwrap();
        assert_eq!(hot.mix().to_string(), "2 multiply-add, 1 scalar, 1 global load, 1 global store");
        let weights = |one: &Instruction| (f64::from(u8::from(one.class == Class::MultiplyAdd)), 1.0);
        // Entry, work, end: four instructions on that way, and none of the loop.
        assert_eq!(hot.best_way(0.0, weights), (2.0, 4.0));
        program.blocks[3].instructions.push(Instruction::new("x", Class::MultiplyAdd, 0));
        assert_eq!(hottest(&program).unwrap().mix().total(), 2);
    }

    #[test]
    fn what_nothing_leads_to_is_in_no_loop() {
        let program = Program {
            blocks: vec![
                block("entry", &[Class::Scalar], &["head"], false),
                block("padding", &[Class::Wait], &[], true),
                block("head", &[Class::MultiplyAdd], &["head"], true),
                block("end", &[], &[], false),
            ],
        };
        assert_eq!(loops(&program)[0].mix().to_string(), "1 multiply-add");
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
