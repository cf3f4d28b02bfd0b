//! Buffers and workgroup memory, with what is known of each access to the latter.

use super::finding::{Findings, Kind};
use half::f16;
use naga::{Scalar, ScalarKind};

/// More than one invocation.
const SEVERAL: u32 = u32::MAX;
/// First number of those who load or store a matrix: nobody knows which invocation of a subgroup touches which element,
/// so each load and each store counts as one of its own.
pub(crate) const MATRICES: u32 = 1 << 24;
/// Invocations of a workgroup number `n` are known in buffers by numbers from `n` times this on.
const OF_GROUP: u32 = 1 << 12;
/// Granule of shadow memory: bytes of the smallest scalar.
const GRANULE: u32 = 2;

/// Who accesses memory, and where in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    pub who: u32,
    pub at: u32,
    pub atomic: bool,
}

/// The last access of a kind to a granule.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    interval: u32,
    who: u32,
    at: u32,
    atomic: bool,
    /// What a store wrote.
    value: u32,
}

/// A global variable.
#[derive(Debug)]
pub(crate) struct Variable {
    pub name: String,
    pub bytes: Vec<u8>,
    is_shared: bool,
    /// Last write and last read of each granule, where it can be written.
    shadow: Option<Vec<[Last; 2]>>,
}

/// All global variables, and the interval between two barriers that runs.
#[derive(Debug)]
pub(crate) struct Memory {
    pub variables: Vec<Variable>,
    pub interval: u32,
    /// Number of the workgroup that runs, from 0.
    pub group: u32,
    /// Whether a matrix has been stored: numbers are noise then, and those of neighbours that repeat each other differ.
    pub has_noise: bool,
}

fn named(who: u32) -> String {
    match who {
        SEVERAL => "several invocations".into(),
        MATRICES.. => "a subgroup, by a matrix,".into(),
        OF_GROUP.. => format!("invocation {} of workgroup {}", who % OF_GROUP, who / OF_GROUP),
        _ => format!("invocation {who}"),
    }
}

fn shadow(bytes: usize) -> Vec<[Last; 2]> {
    vec![Default::default(); bytes.div_ceil(GRANULE as usize)]
}

impl Variable {
    /// Makes a buffer, which may be written.
    pub(crate) fn buffer(name: &str, bytes: Vec<u8>, writes: bool) -> Self {
        let shadow = writes.then(|| shadow(bytes.len()));
        Variable { name: name.into(), bytes, is_shared: false, shadow }
    }

    /// Makes a variable of `size` bytes in workgroup memory.
    pub(crate) fn shared(name: &str, size: u32) -> Self {
        let bytes = vec![0; size as usize];
        Variable { name: name.into(), is_shared: true, shadow: Some(shadow(bytes.len())), bytes }
    }

    fn is_outside(&self, offset: u32, bytes: u32) -> bool {
        u64::from(offset) + u64::from(bytes) > self.bytes.len() as u64
    }
}

impl Memory {
    /// Starts workgroup number `group`: forgets what is in workgroup memory.
    pub(crate) fn start(&mut self, group: u32) {
        (self.interval, self.group) = (1, group);
        for variable in self.variables.iter_mut().filter(|variable| variable.is_shared) {
            if let Some(shadow) = &mut variable.shadow {
                shadow.fill(Default::default());
                variable.bytes.fill(0);
            }
        }
    }

    fn beyond(&self, place: usize, offset: u32, by: Access, findings: &mut Findings) {
        let variable = &self.variables[place];
        findings.add(Kind::OutOfBounds, &variable.name, by.at, None, || {
            let (name, size) = (&variable.name, variable.bytes.len());
            format!("{} accesses byte {offset} of `{name}`, which has {size}", named(by.who))
        });
    }

    /// Returns the interval of an access, and by whom it is. No barrier orders what workgroups do in buffers: all of a
    /// dispatch is one interval there.
    fn seen(&self, place: usize, by: Access) -> (u32, Access) {
        if self.variables[place].is_shared {
            return (self.interval, by);
        }
        let group = if by.who < MATRICES { self.group * OF_GROUP } else { 0 };
        (1, Access { who: by.who + group, ..by })
    }

    /// Notes a read of `bytes` bytes; whether they are there.
    pub(crate) fn note_read(
        &mut self,
        place: usize,
        offset: u32,
        bytes: u32,
        by: Access,
        findings: &mut Findings,
    ) -> bool {
        if self.variables[place].is_outside(offset, bytes) {
            self.beyond(place, offset, by, findings);
            return false;
        }
        let (interval, by) = self.seen(place, by);
        let variable = &mut self.variables[place];
        let Some(shadow) = &mut variable.shadow else { return true };
        for granule in offset / GRANULE..(offset + bytes).div_ceil(GRANULE) {
            let [written, read] = &mut shadow[granule as usize];
            if written.interval == 0 && variable.is_shared {
                findings.add(Kind::Unwritten, &variable.name, by.at, None, || {
                    let name = &variable.name;
                    format!("{} reads byte {offset} of `{name}`, which nobody wrote", named(by.who))
                });
            }
            if written.interval == interval && written.who != by.who {
                let (other, name) = (*written, &variable.name);
                findings.add(Kind::Race, name, by.at, Some(other.at), || {
                    let (me, you) = (named(by.who), named(other.who));
                    format!(
                        "race: {me} reads byte {offset} of `{name}`, which {you} writes in line {{other}}"
                    )
                });
            }
            let another = read.interval == interval && read.who != by.who;
            let who = if another { SEVERAL } else { by.who };
            *read = Last { interval, who, at: by.at, atomic: by.atomic, value: 0 };
        }
        true
    }

    /// Notes a write of `bytes` bytes, which makes them `value`; whether they are there.
    pub(crate) fn note_write(
        &mut self,
        place: usize,
        offset: u32,
        bytes: u32,
        value: u32,
        by: Access,
        findings: &mut Findings,
    ) -> bool {
        if self.variables[place].is_outside(offset, bytes) {
            self.beyond(place, offset, by, findings);
            return false;
        }
        let (interval, by) = self.seen(place, by);
        let has_noise = self.has_noise;
        let variable = &mut self.variables[place];
        let Some(shadow) = &mut variable.shadow else { return true };
        for granule in offset / GRANULE..(offset + bytes).div_ceil(GRANULE) {
            let [written, read] = &mut shadow[granule as usize];
            // Atomic stores of one value are in any order the same. In buffers others are too: there some workgroups
            // repeat what their neighbours do.
            let same = written.value == value;
            let same =
                if variable.is_shared { by.atomic && written.atomic && same } else { same || has_noise };
            let writes = written.interval == interval && written.who != by.who && !same;
            let reads = read.interval == interval && read.who != by.who;
            for (other, does) in [(writes.then_some(*written), "writes"), (reads.then_some(*read), "reads")] {
                let (Some(other), name) = (other, &variable.name) else { continue };
                findings.add(Kind::Race, name, by.at, Some(other.at), || {
                    let (me, you) = (named(by.who), named(other.who));
                    format!(
                        "race: {me} writes byte {offset} of `{name}`, which {you} {does} in line {{other}}"
                    )
                });
            }
            let again = same && written.interval == interval && written.who != by.who;
            let who = if again { SEVERAL } else { by.who };
            *written = Last { interval, who, at: by.at, atomic: by.atomic, value };
        }
        true
    }

    /// Reads a scalar that is there. Numbers in f16 are f32 in values.
    pub(crate) fn get(&self, place: usize, offset: u32, scalar: Scalar) -> u32 {
        let bytes = &self.variables[place].bytes[offset as usize..];
        match scalar.width {
            2 => {
                let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
                let is_float = scalar.kind == ScalarKind::Float;
                if is_float { f16::from_bits(bits).to_f32().to_bits() } else { bits.into() }
            }
            1 => bytes[0].into(),
            _ => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
    }

    /// Writes a scalar that is there.
    pub(crate) fn set(&mut self, place: usize, offset: u32, scalar: Scalar, word: u32) {
        let bytes = &mut self.variables[place].bytes[offset as usize..];
        match scalar.width {
            2 => {
                let is_float = scalar.kind == ScalarKind::Float;
                let bits = if is_float { f16::from_f32(f32::from_bits(word)).to_bits() } else { word as u16 };
                bytes[..2].copy_from_slice(&bits.to_le_bytes());
            }
            1 => bytes[0] = word as u8,
            _ => bytes[..4].copy_from_slice(&word.to_le_bytes()),
        }
    }
}
