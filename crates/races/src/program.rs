//! A text that is read once and run for several sizes of subgroups.

use super::finding::{Finding, Findings};
use super::machine::{Machine, Value};
use super::memory::{Memory, Variable};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Binding, BuiltIn, Module, StorageAccess};
use std::rc::Rc;

/// A compute shader with the entry point `main`.
#[derive(Debug)]
pub struct Program {
    source: String,
    module: Module,
    info: ModuleInfo,
}

/// What is bound: its number, and its bytes.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Number of the binding, in group 0.
    pub binding: u32,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Number of invocations of a subgroup.
    pub subgroup: u32,
    /// Number of workgroups in x, y and z.
    pub groups: [u32; 3],
    /// Those that run.
    pub run: Vec<[u32; 3]>,
    /// Whether an access to a component counts as one to its whole vector, as WGSL lets implementations do it; what
    /// compilers of GPUs are known to do is to touch the component alone.
    pub whole_vectors: bool,
}

impl Program {
    /// Reads and validates a text.
    ///
    /// # Errors
    /// Returns the words of the compiler.
    pub fn parse(source: &str) -> Result<Self, String> {
        let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::all())
            .validate(&module)
            .map_err(|error| error.emit_to_string(source))?;
        if module.entry_points.len() != 1 {
            return Err("expected one entry point".into());
        }
        Ok(Program { source: source.into(), module, info })
    }

    /// Whether it has variables in workgroup memory.
    pub fn has_workgroup_memory(&self) -> bool {
        let mut variables = self.module.global_variables.iter();
        variables.any(|(_, variable)| variable.space == AddressSpace::WorkGroup)
    }

    /// Returns the number of invocations of a workgroup.
    pub fn threads(&self) -> u32 {
        self.module.entry_points[0].workgroup_size.iter().product()
    }

    /// Runs workgroups one after another and returns what was found. `buffers` hold what they wrote then.
    ///
    /// # Errors
    /// Returns a message if the text has what the interpreter does not know, or does not end.
    pub fn run(&self, dispatch: &Dispatch, buffers: &mut [Buffer]) -> Result<Vec<Finding>, String> {
        let entry = &self.module.entry_points[0];
        let size = entry.workgroup_size;
        let mut machine = Machine {
            module: &self.module,
            info: &self.info,
            lanes: self.threads() as usize,
            subgroup: dispatch.subgroup as usize,
            size,
            group: [0; 3],
            groups: dispatch.groups,
            memory: self.memory(buffers)?,
            findings: Findings::default(),
            whole_vectors: dispatch.whole_vectors,
            matrices: 0,
            steps: 0,
        };
        for (number, group) in dispatch.run.iter().enumerate() {
            machine.group = *group;
            machine.memory.start(number as u32);
            let mut arguments = Vec::new();
            for argument in &entry.function.arguments {
                let Some(Binding::BuiltIn(builtin)) = argument.binding else {
                    return Err("expected builtins as arguments".into());
                };
                arguments.push(Rc::new(Value::Words(machine.builtin(builtin)?)));
            }
            let all = vec![true; machine.lanes];
            machine.call(&entry.function, self.info.get_entry_point(0), arguments, &all)?;
        }
        for ((_, variable), held) in self.module.global_variables.iter().zip(machine.memory.variables) {
            let binding = variable.binding.map(|binding| binding.binding);
            if let Some(buffer) = buffers.iter_mut().find(|buffer| Some(buffer.binding) == binding) {
                buffer.bytes = held.bytes;
            }
        }
        Ok(machine.findings.told(&self.source))
    }

    fn memory(&self, buffers: &mut [Buffer]) -> Result<Memory, String> {
        let mut layouter = Layouter::default();
        layouter.update(self.module.to_ctx()).map_err(|error| error.to_string())?;
        let mut variables = Vec::new();
        for (_, variable) in self.module.global_variables.iter() {
            let name = variable.name.as_deref().unwrap_or("");
            variables.push(match (variable.space, variable.binding) {
                (AddressSpace::WorkGroup, _) => Variable::shared(name, layouter[variable.ty].size),
                (AddressSpace::Storage { access }, Some(binding)) => {
                    let bound = buffers.iter_mut().find(|buffer| buffer.binding == binding.binding);
                    let bound = bound.ok_or_else(|| format!("`{name}` is not bound"))?;
                    let writes = access.contains(StorageAccess::STORE);
                    Variable::buffer(name, std::mem::take(&mut bound.bytes), writes)
                }
                (space, _) => return Err(format!("the interpreter does not know the space {space:?}")),
            });
        }
        Ok(Memory { variables, interval: 1, group: 0, has_noise: false })
    }
}

impl Machine<'_> {
    /// Returns the words of a builtin.
    fn builtin(&self, builtin: BuiltIn) -> Result<Vec<u32>, String> {
        let lanes = || 0..self.lanes as u32;
        let [width, height, _] = self.size;
        let local = |axis: usize| -> Vec<u32> {
            let of = |lane: u32| [lane % width, lane / width % height, lane / (width * height)][axis];
            lanes().map(of).collect()
        };
        let subgroup = self.subgroup as u32;
        Ok(match builtin {
            BuiltIn::LocalInvocationIndex => lanes().collect(),
            BuiltIn::LocalInvocationId => (0..3).flat_map(local).collect(),
            BuiltIn::GlobalInvocationId => {
                let of = |axis: usize| {
                    let from = self.group[axis] * self.size[axis];
                    local(axis).into_iter().map(move |at| from + at)
                };
                (0..3).flat_map(of).collect()
            }
            BuiltIn::WorkGroupId => self.group.into_iter().flat_map(|word| self.spread(word)).collect(),
            BuiltIn::NumWorkGroups => self.groups.into_iter().flat_map(|word| self.spread(word)).collect(),
            BuiltIn::WorkGroupSize => self.size.into_iter().flat_map(|word| self.spread(word)).collect(),
            BuiltIn::SubgroupSize => self.spread(subgroup),
            BuiltIn::NumSubgroups => self.spread((self.lanes as u32).div_ceil(subgroup)),
            BuiltIn::SubgroupId => lanes().map(|lane| lane / subgroup).collect(),
            BuiltIn::SubgroupInvocationId => lanes().map(|lane| lane % subgroup).collect(),
            _ => return Err(format!("the interpreter does not know the builtin {builtin:?}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    /// What is found in a kernel of 8 invocations in subgroups of 4, with a buffer `x` of 8 words: the kind, the variable
    /// and the lines, of which the body has the first.
    fn found(shared: &str, body: &str) -> Vec<(Kind, String, u32, Option<u32>)> {
        let source = format!(
            "enable wgpu_cooperative_matrix; @group(0) @binding(0) var<storage, read_write> x: array<u32>; {shared} \
             @compute @workgroup_size(8) fn main(@builtin(local_invocation_index) lane: u32, \
             @builtin(subgroup_id) own: u32) {{ let length = arrayLength(&x);\n{body}\n}}"
        );
        let program = Program::parse(&source).unwrap_or_else(|error| panic!("{error}"));
        let dispatch = Dispatch { subgroup: 4, groups: [1; 3], run: vec![[0; 3]], whole_vectors: false };
        let mut buffers = [Buffer { binding: 0, bytes: vec![1; 32] }];
        let found = program.run(&dispatch, &mut buffers).unwrap_or_else(|error| panic!("{error}"));
        let parts = |finding: Finding| {
            (finding.kind, finding.variable, finding.line - 1, finding.other.map(|line| line - 1))
        };
        found.into_iter().map(parts).collect()
    }

    const TILE: &str = "var<workgroup> tile: array<u32, 8>;";

    #[test]
    fn a_read_of_what_another_writes_is_a_race_unless_a_barrier_is_between() {
        let race = |line, other| (Kind::Race, "tile".to_owned(), line, Some(other));
        assert_eq!(found(TILE, "tile[lane] = lane;\nworkgroupBarrier();\nx[lane] = tile[7u - lane];"), []);
        let later = found(TILE, "tile[lane] = lane;\nx[lane] = tile[7u - lane];");
        assert_eq!(later, [race(2, 1)]);
        // In the order in which it runs here nothing goes wrong.
        let before = found(
            TILE,
            "tile[lane] = lane;\nworkgroupBarrier();\nx[lane] = tile[7u - lane];\ntile[lane] = 0u;",
        );
        assert_eq!(before, [race(4, 3)]);
        // Neighbours in a subgroup race too.
        let neighbours = found(TILE, "tile[lane] = lane;\nx[lane] = tile[lane ^ 1u];");
        assert_eq!(neighbours, [race(2, 1)]);
        assert_eq!(found(TILE, "tile[lane] = lane;\nx[lane] = tile[lane];"), []);
        assert_eq!(found(TILE, "tile[lane / 2u] = lane;"), [race(1, 1)]);
    }

    #[test]
    fn branches_loops_and_returns_take_those_who_take_them() {
        let apart = "if lane < 4u {\ntile[lane] = 1u;\n} else {\ntile[lane] = 2u;\n}\nx[lane] = tile[lane];";
        assert_eq!(found(TILE, apart), []);
        let turns = "for (var i = 0u; i < lane; i++) { if i == 3u { break; } if i == 1u { continue; } x[lane] = i; }\n\
                     switch lane { case 0u, 1u: { tile[lane] = 1u; } case 2u: { tile[2] = 3u; } default: {} }\n\
                     if lane < 3u { x[lane] = tile[lane]; }";
        assert_eq!(found(TILE, turns), []);
        let unread = found(TILE, "if lane < 3u { tile[lane] = 1u; }\nx[lane] = tile[lane];");
        assert_eq!(unread, [(Kind::Unwritten, "tile".to_owned(), 2, None)]);
        let parted = found(TILE, "if lane < 3u { return; }\nworkgroupBarrier();");
        assert_eq!(parted, [(Kind::Divergent, String::new(), 2, None)]);
    }

    #[test]
    fn what_lies_outside_is_found_in_buffers_workgroup_memory_and_vectors() {
        let beyond = |name: &str| vec![(Kind::OutOfBounds, name.to_owned(), 1, None)];
        assert_eq!(found("", "x[lane + 1u] = 0u;"), beyond("x"));
        assert_eq!(found(TILE, "tile[2u * lane] = 0u;"), beyond("tile"));
        assert_eq!(
            found("", "var v = vec2<u32>(); v[lane / 3u] = 1u; x[lane] = v.x;"),
            beyond("a variable of the function")
        );
        assert_eq!(found("", "if lane < 7u { x[lane + 1u] = 0u; }"), []);
        assert_eq!(found("", "x[lane] = 7u / lane;"), [(Kind::Division, String::new(), 1, None)]);
    }

    #[test]
    fn in_buffers_an_element_belongs_to_one_invocation_of_all_workgroups() {
        let race = |line, other| (Kind::Race, "x".to_owned(), line, Some(other));
        // Halves of a word, each put into it by another invocation: right in any order, but not at once.
        assert_eq!(found("", "x[lane / 2u] = x[lane / 2u] | lane;"), [race(1, 1)]);
        assert_eq!(found("", "workgroupBarrier();\nx[0] = lane;"), [race(2, 2)]);
        let two =
            Dispatch { subgroup: 4, groups: [2, 1, 1], run: vec![[0; 3], [1, 0, 0]], whole_vectors: false };
        let of = |value: &str| {
            let source = format!(
                "@group(0) @binding(0) var<storage, read_write> x: array<u32>; @compute @workgroup_size(8) \
                 fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) \
                 {{ x[lane] = {value}; }}"
            );
            let mut buffers = [Buffer { binding: 0, bytes: vec![1; 32] }];
            Program::parse(&source).unwrap().run(&two, &mut buffers).unwrap().len()
        };
        assert_eq!((of("group.x"), of("lane")), (1, 0));
    }

    #[test]
    fn atomics_race_where_their_order_tells() {
        let shared = "var<workgroup> flag: atomic<u32>;";
        let race = |line, other| (Kind::Race, "flag".to_owned(), line, Some(other));
        assert_eq!(found(shared, "atomicStore(&flag, 1u);"), []);
        assert_eq!(found(shared, "atomicStore(&flag, lane);"), [race(1, 1)]);
        let loaded = found(shared, "atomicStore(&flag, 1u);\nx[lane] = atomicLoad(&flag);");
        assert_eq!(loaded, [race(2, 1)]);
        let uniform = found(
            shared,
            "atomicStore(&flag, 1u);\nx[lane] = workgroupUniformLoad(&flag);\natomicStore(&flag, 2u);",
        );
        assert_eq!(uniform, []);
    }

    #[test]
    fn a_matrix_is_touched_by_all_of_its_subgroup() {
        let shared = "var<workgroup> tile: array<f32, 128>; alias Sum = coop_mat8x8<f32, C>;";
        let own = "var m = Sum();\ncoopStoreT(m, &tile[64u * own], 8u);";
        assert_eq!(found(shared, own), []);
        let race = |line, other| (Kind::Race, "tile".to_owned(), line, Some(other));
        assert_eq!(found(shared, "var m = Sum();\ncoopStoreT(m, &tile[8u * own], 8u);"), [race(2, 2)]);
        let read = found(shared, &format!("{own}\nx[lane] = u32(tile[64u * own]);"));
        assert_eq!(read, [race(3, 2)]);
        let beyond = found(shared, "var m = Sum();\ncoopStoreT(m, &tile[65u * own], 8u);");
        assert!(beyond.contains(&(Kind::OutOfBounds, "tile".to_owned(), 2, None)), "{beyond:?}");
    }

    #[test]
    fn subgroups_join_and_shuffle_their_own_values() {
        let body = "x[lane] = subgroupAdd(lane) + 100u * subgroupShuffleXor(lane, 1u);";
        let source = format!(
            "@group(0) @binding(0) var<storage, read_write> x: array<u32>; @compute @workgroup_size(8) \
             fn main(@builtin(local_invocation_index) lane: u32) {{ {body} }}"
        );
        let dispatch = Dispatch { subgroup: 4, groups: [1; 3], run: vec![[0; 3]], whole_vectors: false };
        let mut buffers = [Buffer { binding: 0, bytes: vec![0; 32] }];
        assert_eq!(Program::parse(&source).unwrap().run(&dispatch, &mut buffers), Ok(Vec::new()));
        let words: Vec<u32> =
            buffers[0].bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [106, 6, 306, 206, 522, 422, 722, 622]);
    }
}
