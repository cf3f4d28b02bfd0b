//! What SPIR-V declares: bindings, and its workgroup.
//!
//! Only declarations are read, and all else is passed over by its length: what reads instructions as a whole refuses
//! those that are newer than it. One binding may be declared several times, as inference programs do to read a buffer in
//! words of several widths.

use ash::vk;
use portamark_model::compiled::Workgroup;
use spirv::{BuiltIn, Decoration, ExecutionMode, MAGIC_NUMBER, Op, StorageClass};
use std::collections::{BTreeMap, HashMap};

/// Number of words before the first instruction.
const HEADER: usize = 5;

/// Largest depth of types and constants that refer to each other: what refers to itself ends here.
const DEPTH: usize = 32;

/// Declarations of one module.
#[derive(Debug, Default)]
pub struct Declarations<'a> {
    /// Instructions that declare a type, a constant or a variable, by their identifier: operation and operands, without
    /// the identifier itself.
    declared: HashMap<u32, (Op, Vec<u32>)>,
    /// Decorations: identifier, decoration and operands.
    decorations: Vec<(u32, Decoration, &'a [u32])>,
    /// Values of specialisation constants that are not those of the module, by their number.
    special: HashMap<u32, u32>,
    variables: Vec<u32>,
    /// Sizes of workgroups: entry point, literals or identifiers.
    sizes: Vec<(u32, bool, [u32; 3])>,
    entries: Vec<(u32, String)>,
}

/// One binding: its type, and the number of descriptors of an array.
pub type Binding = (vk::DescriptorType, u32);

impl<'a> Declarations<'a> {
    /// Reads `words`, with `special` instead of the values of specialisation constants that the module has. `Err` says
    /// why this is no SPIR-V.
    pub fn read(words: &'a [u32], special: &[(u32, u32)]) -> Result<Self, String> {
        if words.first() != Some(&MAGIC_NUMBER) || words.len() < HEADER {
            return Err("it does not begin as SPIR-V of this byte order does".into());
        }
        let mut read = Declarations { special: special.iter().copied().collect(), ..Declarations::default() };
        let mut at = HEADER;
        while let Some(first) = words.get(at) {
            let length = (first >> 16) as usize;
            let operands = words.get(at + 1..at + length).filter(|_| length > 0);
            let operands = operands.ok_or_else(|| format!("the instruction at word {at} is cut off"))?;
            at += length;
            if let Some(operation) = Op::from_u32(first & 0xffff) {
                read.keep(operation, operands);
            }
        }
        Ok(read)
    }

    fn keep(&mut self, operation: Op, operands: &'a [u32]) {
        match (operation, operands) {
            (Op::Decorate, [id, decoration, rest @ ..]) => {
                if let Some(decoration) = Decoration::from_u32(*decoration) {
                    self.decorations.push((*id, decoration, rest));
                }
            }
            (Op::EntryPoint, [_, id, name @ ..]) => self.entries.push((*id, text(name))),
            (Op::ExecutionMode | Op::ExecutionModeId, [entry, mode, x, y, z]) => {
                let by_id = *mode == ExecutionMode::LocalSizeId as u32;
                if by_id || *mode == ExecutionMode::LocalSize as u32 {
                    self.sizes.push((*entry, by_id, [*x, *y, *z]));
                }
            }
            (
                Op::Variable
                | Op::Constant
                | Op::ConstantTrue
                | Op::ConstantFalse
                | Op::ConstantComposite
                | Op::SpecConstant
                | Op::SpecConstantTrue
                | Op::SpecConstantFalse
                | Op::SpecConstantComposite
                | Op::SpecConstantOp,
                [of, id, rest @ ..],
            ) => {
                if operation == Op::Variable {
                    self.variables.push(*id);
                }
                self.declared.insert(*id, (operation, [&[*of], rest].concat()));
            }
            // Types of cooperative matrices and of what is newer are no bindings, and of unknown size.
            (
                Op::TypeBool
                | Op::TypeInt
                | Op::TypeFloat
                | Op::TypeVector
                | Op::TypeMatrix
                | Op::TypeImage
                | Op::TypeSampler
                | Op::TypeSampledImage
                | Op::TypeArray
                | Op::TypeRuntimeArray
                | Op::TypeStruct
                | Op::TypePointer
                | Op::TypeAccelerationStructureKHR,
                [id, rest @ ..],
            ) => {
                self.declared.insert(*id, (operation, rest.to_vec()));
            }
            _ => {}
        }
    }

    fn decoration(&self, id: u32, wanted: Decoration) -> Option<&'a [u32]> {
        let of_id = self.decorations.iter().find(|(of, decoration, _)| *of == id && *decoration == wanted);
        of_id.map(|(_, _, operands)| *operands)
    }

    fn declared(&self, id: u32) -> Option<(Op, &[u32])> {
        self.declared.get(&id).map(|(operation, operands)| (*operation, operands.as_slice()))
    }

    /// Returns the type that the variable `id` points to, and its storage class.
    fn variable(&self, id: u32) -> Option<(u32, StorageClass)> {
        let (_, [pointer, class, ..]) = self.declared(id)? else { return None };
        let (Op::TypePointer, [_, pointee]) = self.declared(*pointer)? else { return None };
        Some((*pointee, StorageClass::from_u32(*class)?))
    }

    /// Returns the bindings by set and number.
    pub fn bindings(&self) -> BTreeMap<u32, BTreeMap<u32, Binding>> {
        let mut sets: BTreeMap<u32, BTreeMap<u32, Binding>> = BTreeMap::new();
        for id in &self.variables {
            let number = |decoration| self.decoration(*id, decoration)?.first().copied();
            let place = number(Decoration::DescriptorSet).zip(number(Decoration::Binding));
            let binding = self.variable(*id).and_then(|(of, class)| self.binding(of, class));
            if let (Some((set, number)), Some(binding)) = (place, binding) {
                sets.entry(set).or_default().insert(number, binding);
            }
        }
        sets
    }

    /// Returns the binding of a variable of type `of`.
    fn binding(&self, of: u32, class: StorageClass) -> Option<Binding> {
        match self.declared(of)? {
            (Op::TypeArray, [element, length]) => {
                let (kind, count) = self.binding(*element, class)?;
                Some((kind, count.saturating_mul(self.constant(*length, DEPTH)?)))
            }
            (Op::TypeRuntimeArray, [element]) => self.binding(*element, class),
            (Op::TypeSampler, _) => Some((vk::DescriptorType::SAMPLER, 1)),
            (Op::TypeSampledImage, _) => Some((vk::DescriptorType::COMBINED_IMAGE_SAMPLER, 1)),
            (Op::TypeAccelerationStructureKHR, _) => {
                Some((vk::DescriptorType::ACCELERATION_STRUCTURE_KHR, 1))
            }
            // Sampled type, dimensions, depth, arrayed, multisampled, sampled (2: storage).
            (Op::TypeImage, [_, dimensions, _, _, _, sampled, ..]) => {
                let buffer = *dimensions == spirv::Dim::DimBuffer as u32;
                let kind = match (buffer, *sampled == 2) {
                    (true, true) => vk::DescriptorType::STORAGE_TEXEL_BUFFER,
                    (true, false) => vk::DescriptorType::UNIFORM_TEXEL_BUFFER,
                    (false, true) => vk::DescriptorType::STORAGE_IMAGE,
                    (false, false) => vk::DescriptorType::SAMPLED_IMAGE,
                };
                Some((kind, 1))
            }
            // Until SPIR-V 1.3 a storage buffer is a uniform one whose structure is decorated so.
            _ if class == StorageClass::StorageBuffer
                || self.decoration(of, Decoration::BufferBlock).is_some() =>
            {
                Some((vk::DescriptorType::STORAGE_BUFFER, 1))
            }
            _ if class == StorageClass::Uniform => Some((vk::DescriptorType::UNIFORM_BUFFER, 1)),
            _ => None,
        }
    }

    /// Returns the workgroup of the entry point called `entry`; `None` where it depends on what is not read here.
    pub fn workgroup(&self, entry: &str) -> Option<Workgroup> {
        let (entry, _) = self.entries.iter().find(|(_, name)| name == entry)?;
        let size = self.size_as_built_in().or_else(|| {
            let (_, by_id, [x, y, z]) = self.sizes.iter().find(|(of, _, _)| of == entry)?;
            let value = |word: &u32| if *by_id { self.constant(*word, DEPTH) } else { Some(*word) };
            Some([value(x)?, value(y)?, value(z)?])
        })?;
        let mut bytes = 0_u64;
        for id in &self.variables {
            if let Some((of, StorageClass::Workgroup)) = self.variable(*id) {
                bytes = bytes.saturating_add(self.layout(of, DEPTH)?.0);
            }
        }
        Some(Workgroup::new(size, bytes))
    }

    /// A constant that is decorated as the size goes before the execution mode.
    fn size_as_built_in(&self) -> Option<[u32; 3]> {
        let is_size = |operands: &[u32]| operands.first() == Some(&(BuiltIn::WorkgroupSize as u32));
        let mut of_size = self
            .decorations
            .iter()
            .filter(|(_, decoration, operands)| *decoration == Decoration::BuiltIn && is_size(operands));
        let (id, _, _) = of_size.next()?;
        let (Op::ConstantComposite | Op::SpecConstantComposite, [_, x, y, z]) = self.declared(*id)? else {
            return None;
        };
        Some([self.constant(*x, DEPTH)?, self.constant(*y, DEPTH)?, self.constant(*z, DEPTH)?])
    }

    /// Returns size and alignment of a type in workgroup memory, in bytes, as Mesa's drivers lay it out: each scalar at a
    /// multiple of its size.
    fn layout(&self, of: u32, depth: usize) -> Option<(u64, u64)> {
        let depth = depth.checked_sub(1)?;
        match self.declared(of)? {
            (Op::TypeBool, _) => Some((4, 4)),
            (Op::TypeInt | Op::TypeFloat, [bits, ..]) => Some((u64::from(bits / 8), u64::from(bits / 8))),
            (Op::TypeVector | Op::TypeMatrix, [element, count]) => {
                let (size, alignment) = self.layout(*element, depth)?;
                Some((size.checked_mul(u64::from(*count))?, alignment))
            }
            (Op::TypeArray, [element, length]) => {
                let (size, alignment) = self.layout(*element, depth)?;
                let stride = size.checked_next_multiple_of(alignment)?;
                Some((stride.checked_mul(u64::from(self.constant(*length, DEPTH)?))?, alignment))
            }
            (Op::TypeStruct, members) => members.iter().try_fold((0_u64, 1_u64), |(end, most), member| {
                let (size, alignment) = self.layout(*member, depth)?;
                let start = end.checked_next_multiple_of(alignment)?;
                Some((start.checked_add(size)?, most.max(alignment)))
            }),
            _ => None,
        }
    }

    /// Returns the value of a constant of 32 bits, or of a truth.
    fn constant(&self, id: u32, depth: usize) -> Option<u32> {
        let depth = depth.checked_sub(1)?;
        let special = || {
            let number = self.decoration(id, Decoration::SpecId)?.first()?;
            self.special.get(number).copied()
        };
        match self.declared(id)? {
            (Op::Constant, [_, value]) => Some(*value),
            (Op::SpecConstant, [_, value]) => Some(special().unwrap_or(*value)),
            (Op::ConstantTrue, _) => Some(1),
            (Op::ConstantFalse, _) => Some(0),
            (Op::SpecConstantTrue, _) => Some(special().unwrap_or(1)),
            (Op::SpecConstantFalse, _) => Some(special().unwrap_or(0)),
            (Op::SpecConstantOp, [_, operation, operands @ ..]) => {
                let operation = Op::from_u32(*operation)?;
                if let (Op::Select, [condition, left, right]) = (operation, operands) {
                    let chosen = if self.constant(*condition, depth)? != 0 { left } else { right };
                    return self.constant(*chosen, depth);
                }
                let values: Option<Vec<u32>> =
                    operands.iter().map(|operand| self.constant(*operand, depth)).collect();
                computed(operation, &values?)
            }
            _ => None,
        }
    }
}

/// Returns what `operation` makes of numbers of 32 bits; those of sizes are not negative.
fn computed(operation: Op, values: &[u32]) -> Option<u32> {
    let value = match (operation, values) {
        (Op::IAdd, [left, right]) => left.wrapping_add(*right),
        (Op::ISub, [left, right]) => left.wrapping_sub(*right),
        (Op::IMul, [left, right]) => left.wrapping_mul(*right),
        (Op::UDiv | Op::SDiv, [left, right]) => left.checked_div(*right)?,
        (Op::UMod | Op::SMod | Op::SRem, [left, right]) => left.checked_rem(*right)?,
        (Op::ShiftLeftLogical, [left, right]) => left.checked_shl(*right)?,
        (Op::ShiftRightLogical | Op::ShiftRightArithmetic, [left, right]) => left.checked_shr(*right)?,
        (Op::BitwiseAnd | Op::LogicalAnd, [left, right]) => left & right,
        (Op::BitwiseOr | Op::LogicalOr, [left, right]) => left | right,
        (Op::BitwiseXor, [left, right]) => left ^ right,
        (Op::Not, [value]) => !value,
        (Op::LogicalNot, [value]) => u32::from(*value == 0),
        (Op::IEqual | Op::LogicalEqual, [left, right]) => u32::from(left == right),
        (Op::INotEqual | Op::LogicalNotEqual, [left, right]) => u32::from(left != right),
        (Op::ULessThan | Op::SLessThan, [left, right]) => u32::from(left < right),
        (Op::ULessThanEqual | Op::SLessThanEqual, [left, right]) => u32::from(left <= right),
        (Op::UGreaterThan | Op::SGreaterThan, [left, right]) => u32::from(left > right),
        (Op::UGreaterThanEqual | Op::SGreaterThanEqual, [left, right]) => u32::from(left >= right),
        _ => return None,
    };
    Some(value)
}

/// Returns the text at the start of `words`, which ends with a zero.
fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORAGE_BUFFER: (vk::DescriptorType, u32) = (vk::DescriptorType::STORAGE_BUFFER, 1);

    /// Returns a module of these instructions, with its header.
    fn module(instructions: &[(u32, &[u32])]) -> Vec<u32> {
        let mut words = vec![MAGIC_NUMBER, 0x10500, 0, 100, 0];
        for (operation, operands) in instructions {
            words.push((operands.len() as u32 + 1) << 16 | operation);
            words.extend(*operands);
        }
        words
    }

    fn op(operation: Op) -> u32 {
        operation as u32
    }

    /// Structure 10 in storage buffers by pointer 11, and variables of it: 20 and 21 at set 0, binding 1; 22 at set 2,
    /// binding 0.
    fn aliased() -> Vec<u32> {
        let (set, binding) = (Decoration::DescriptorSet as u32, Decoration::Binding as u32);
        let buffer = StorageClass::StorageBuffer as u32;
        module(&[
            (op(Op::Decorate), &[20, set, 0]),
            (op(Op::Decorate), &[20, binding, 1]),
            (op(Op::Decorate), &[21, set, 0]),
            (op(Op::Decorate), &[21, binding, 1]),
            (op(Op::Decorate), &[22, set, 2]),
            (op(Op::Decorate), &[22, binding, 0]),
            // An instruction of an extension that is not known yet.
            (0xfff0, &[1, 2, 3]),
            (op(Op::TypeFloat), &[9, 32]),
            (op(Op::TypeStruct), &[10, 9]),
            (op(Op::TypePointer), &[11, buffer, 10]),
            (op(Op::Variable), &[11, 20, buffer]),
            (op(Op::Variable), &[11, 21, buffer]),
            (op(Op::Variable), &[11, 22, buffer]),
        ])
    }

    #[test]
    fn a_buffer_that_is_declared_in_two_widths_is_one_binding_and_what_is_not_known_is_passed_over() {
        let words = aliased();
        let bindings = Declarations::read(&words, &[]).unwrap().bindings();
        let expected =
            [(0, BTreeMap::from([(1, STORAGE_BUFFER)])), (2, BTreeMap::from([(0, STORAGE_BUFFER)]))];
        assert_eq!(bindings, BTreeMap::from(expected));
    }

    #[test]
    fn each_kind_of_binding_is_told_by_its_type() {
        let (set, binding) = (Decoration::DescriptorSet as u32, Decoration::Binding as u32);
        let (uniform, constant) = (StorageClass::Uniform as u32, StorageClass::UniformConstant as u32);
        let (plane, buffer) = (spirv::Dim::Dim2D as u32, spirv::Dim::DimBuffer as u32);
        let mut all: Vec<(u32, Vec<u32>)> = vec![
            // 40: a storage buffer as until SPIR-V 1.3; 41: a uniform one.
            (op(Op::Decorate), vec![40, Decoration::BufferBlock as u32]),
            (op(Op::TypeFloat), vec![1, 32]),
            (op(Op::TypeInt), vec![2, 32, 0]),
            (op(Op::Constant), vec![2, 3, 4]),
            (op(Op::TypeStruct), vec![40, 1]),
            (op(Op::TypeStruct), vec![41, 1]),
            (op(Op::TypeImage), vec![42, 1, plane, 0, 0, 0, 2, 0]),
            (op(Op::TypeImage), vec![43, 1, plane, 0, 0, 0, 1, 0]),
            (op(Op::TypeImage), vec![44, 1, buffer, 0, 0, 0, 1, 0]),
            (op(Op::TypeSampler), vec![45]),
            (op(Op::TypeSampledImage), vec![46, 43]),
            // Four images.
            (op(Op::TypeArray), vec![47, 43, 3]),
        ];
        for (at, class) in
            [uniform, uniform, constant, constant, constant, constant, constant, constant].iter().enumerate()
        {
            let at = at as u32;
            all.push((op(Op::TypePointer), vec![60 + at, *class, 40 + at]));
            all.push((op(Op::Variable), vec![60 + at, 80 + at, *class]));
            all.push((op(Op::Decorate), vec![80 + at, set, 0]));
            all.push((op(Op::Decorate), vec![80 + at, binding, at]));
        }
        let all: Vec<(u32, &[u32])> =
            all.iter().map(|(operation, operands)| (*operation, operands.as_slice())).collect();
        let words = module(&all);
        let bindings = Declarations::read(&words, &[]).unwrap().bindings();
        let expected = [
            STORAGE_BUFFER,
            (vk::DescriptorType::UNIFORM_BUFFER, 1),
            (vk::DescriptorType::STORAGE_IMAGE, 1),
            (vk::DescriptorType::SAMPLED_IMAGE, 1),
            (vk::DescriptorType::UNIFORM_TEXEL_BUFFER, 1),
            (vk::DescriptorType::SAMPLER, 1),
            (vk::DescriptorType::COMBINED_IMAGE_SAMPLER, 1),
            (vk::DescriptorType::SAMPLED_IMAGE, 4),
        ];
        assert_eq!(bindings[&0].values().copied().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn workgroup_and_its_memory_follow_from_specialisation_constants() {
        let (special, built_in) = (Decoration::SpecId as u32, Decoration::BuiltIn as u32);
        let shared = StorageClass::Workgroup as u32;
        let main = u32::from_le_bytes(*b"main");
        // Constants 0 (32) and 1 (8); an array of 0 · (1 + 2) / 2 vectors of two halves, and one truth.
        let words = module(&[
            (op(Op::EntryPoint), &[5, 90, main, 0]),
            (op(Op::ExecutionMode), &[90, ExecutionMode::LocalSize as u32, 1, 1, 1]),
            (op(Op::Decorate), &[10, special, 0]),
            (op(Op::Decorate), &[11, special, 1]),
            (op(Op::Decorate), &[20, built_in, BuiltIn::WorkgroupSize as u32]),
            (op(Op::TypeInt), &[1, 32, 0]),
            (op(Op::TypeVector), &[2, 1, 3]),
            (op(Op::SpecConstant), &[1, 10, 32]),
            (op(Op::SpecConstant), &[1, 11, 8]),
            (op(Op::Constant), &[1, 12, 2]),
            (op(Op::Constant), &[1, 13, 1]),
            (op(Op::SpecConstantComposite), &[2, 20, 10, 13, 13]),
            (op(Op::SpecConstantOp), &[1, 14, op(Op::IAdd), 11, 12]),
            (op(Op::SpecConstantOp), &[1, 15, op(Op::IMul), 10, 14]),
            (op(Op::SpecConstantOp), &[1, 16, op(Op::UDiv), 15, 12]),
            (op(Op::TypeFloat), &[30, 16]),
            (op(Op::TypeVector), &[31, 30, 2]),
            (op(Op::TypeArray), &[32, 31, 16]),
            (op(Op::TypePointer), &[33, shared, 32]),
            (op(Op::Variable), &[33, 34, shared]),
            (op(Op::TypeBool), &[40]),
            (op(Op::TypePointer), &[41, shared, 40]),
            (op(Op::Variable), &[41, 42, shared]),
        ]);
        let workgroup = |special: &[(u32, u32)], entry: &str| {
            Declarations::read(&words, special).unwrap().workgroup(entry)
        };
        // 32 · 10 / 2 = 160 vectors of four bytes, and four.
        assert_eq!(workgroup(&[], "main"), Some(Workgroup::new([32, 1, 1], 644)));
        // 128 · 6 / 2 = 384.
        assert_eq!(workgroup(&[(0, 128), (1, 4)], "main"), Some(Workgroup::new([128, 1, 1], 1540)));
        assert_eq!(workgroup(&[], "other"), None);
    }

    #[test]
    fn what_is_no_spir_v_or_cut_off_is_refused_with_the_place() {
        let refused = |words: &[u32]| Declarations::read(words, &[]).unwrap_err();
        assert!(refused(&[1, 2, 3, 4, 5]).contains("does not begin"));
        assert!(refused(&[MAGIC_NUMBER]).contains("does not begin"));
        let mut words = aliased();
        words.pop();
        let last = words.len() - 3;
        assert!(refused(&words).contains(&format!("word {last} is cut off")), "{}", refused(&words));
        words.truncate(HEADER);
        // An instruction of no length would never end.
        words.push(op(Op::Nop));
        assert!(refused(&words).contains("word 5"), "{}", refused(&words));
    }
}
