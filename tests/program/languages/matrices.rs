//! What Metal's language has no words for in a module with matrices of subgroups. naga writes it nevertheless.

use naga::proc::TypeResolution;
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{
    Block, CooperativeData, Expression, Function, Handle, Literal, Module, Scalar, Statement, TypeInner,
};
use std::fmt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A matrix is loaded or stored through a pointer to something else than its elements, e.g. vectors of them:
    /// `simdgroup_load` takes no other pointer, and counts its stride in these elements.
    Pointer,
    /// The stride is shorter than a row of the matrix.
    Stride,
    /// An operator is applied to a matrix: there are only loads, stores and products.
    Operator,
    /// The matrix is not of 8 x 8 elements.
    Shape,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Pointer => "matrix through a pointer to something else than its elements",
            Fault::Stride => "stride shorter than a row",
            Fault::Operator => "operator on a matrix",
            Fault::Shape => "matrix that is not 8 x 8",
        })
    }
}

/// Returns the faults of `module`, which may hold one several times.
pub fn faults(module: &Module, info: &ModuleInfo) -> Vec<Fault> {
    let plain = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
    let entries = module.entry_points.iter().enumerate();
    let entries = entries.map(|(number, entry)| (&entry.function, info.get_entry_point(number)));
    plain.chain(entries).flat_map(|(function, info)| of_function(module, function, info)).collect()
}

fn of_function(module: &Module, function: &Function, info: &FunctionInfo) -> Vec<Fault> {
    let look = Look { module, function, info };
    let mut faults = Vec::new();
    for (handle, expression) in function.expressions.iter() {
        if let Some((edge, _)) = look.matrix(handle)
            && edge != 8
        {
            faults.push(Fault::Shape);
        }
        match expression {
            Expression::CooperativeLoad { data, .. } => faults.extend(look.access(handle, data)),
            Expression::Unary { expr, .. } if look.matrix(*expr).is_some() => faults.push(Fault::Operator),
            Expression::Binary { left, right, .. }
                if [left, right].iter().any(|side| look.matrix(**side).is_some()) =>
            {
                faults.push(Fault::Operator);
            }
            _ => {}
        }
    }
    look.stores(&function.body, &mut faults);
    faults
}

/// One function with the types of its expressions.
struct Look<'m> {
    module: &'m Module,
    function: &'m Function,
    info: &'m FunctionInfo,
}

impl Look<'_> {
    fn inner(&self, handle: Handle<Expression>) -> &TypeInner {
        match &self.info[handle].ty {
            TypeResolution::Handle(ty) => &self.module.types[*ty].inner,
            TypeResolution::Value(inner) => inner,
        }
    }

    /// Returns the edge and the element of a matrix.
    fn matrix(&self, handle: Handle<Expression>) -> Option<(u32, Scalar)> {
        match self.inner(handle) {
            TypeInner::CooperativeMatrix { columns, scalar, .. } => Some((*columns as u32, *scalar)),
            _ => None,
        }
    }

    /// Returns the element that a pointer points to, if that is no vector.
    fn element(&self, pointer: Handle<Expression>) -> Option<Scalar> {
        match *self.inner(pointer) {
            TypeInner::Pointer { base, .. } => match self.module.types[base].inner {
                TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => Some(scalar),
                _ => None,
            },
            TypeInner::ValuePointer { size: None, scalar, .. } => Some(scalar),
            _ => None,
        }
    }

    /// Returns the value of an expression that is a constant.
    fn constant(&self, handle: Handle<Expression>) -> Option<u32> {
        let expression = match self.function.expressions[handle] {
            Expression::Constant(constant) => {
                &self.module.global_expressions[self.module.constants[constant].init]
            }
            ref other => other,
        };
        match expression {
            Expression::Literal(Literal::U32(value)) => Some(*value),
            _ => None,
        }
    }

    /// Faults of a load or store of the matrix `matrix`.
    fn access(&self, matrix: Handle<Expression>, data: &CooperativeData) -> Vec<Fault> {
        let (edge, element) = self.matrix(matrix).expect("a matrix is loaded or stored");
        let mut faults = Vec::new();
        if self.element(data.pointer) != Some(element) {
            faults.push(Fault::Pointer);
        } else if self.constant(data.stride).is_some_and(|stride| stride < edge) {
            faults.push(Fault::Stride);
        }
        faults
    }

    fn stores(&self, block: &Block, faults: &mut Vec<Fault>) {
        for statement in block {
            match statement {
                Statement::CooperativeStore { target, data } => faults.extend(self.access(*target, data)),
                Statement::Block(inner) => self.stores(inner, faults),
                Statement::If { accept, reject, .. } => {
                    self.stores(accept, faults);
                    self.stores(reject, faults);
                }
                Statement::Loop { body, continuing, .. } => {
                    self.stores(body, faults);
                    self.stores(continuing, faults);
                }
                Statement::Switch { cases, .. } => {
                    cases.iter().for_each(|case| self.stores(&case.body, faults));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::read;
    use super::*;

    /// Faults of a product of one matrix, with the `tile` through which it is loaded, its stride and its use.
    fn of(tile: &str, stride: &str, left: &str, edge: u32) -> Vec<Fault> {
        let matrix = format!("coop_mat{edge}x{edge}");
        let text = format!(
            "enable f16;
            enable wgpu_cooperative_matrix;
            @group(0) @binding(0) var<storage, read_write> y: array<f32>;
            var<workgroup> tile: array<{tile}, 512>;
            const ROW = {stride}u;
            @compute @workgroup_size(32)
            fn main() {{
                let x = coopLoadT<{matrix}<f16, A>>(&tile[4], ROW);
                let b = coopLoadT<{matrix}<f16, B>>(&tile[8], ROW);
                let left = {left};
                if ROW > 0u {{
                    coopStoreT(coopMultiplyAdd(left, b, {matrix}<f32, C>()), &y[0], 16u);
                }}
            }}"
        );
        let (module, info) = read(&text).unwrap();
        faults(&module, &info)
    }

    #[test]
    fn what_metal_cannot_say_of_a_matrix_is_found() {
        assert_eq!(of("f16", "24", "x", 8), []);
        assert_eq!(of("vec4<f16>", "6", "x", 8), [Fault::Pointer, Fault::Pointer]);
        assert_eq!(of("f16", "6", "x", 8), [Fault::Stride, Fault::Stride]);
        assert_eq!(of("f16", "24", "x * 2h", 8), [Fault::Operator]);
        assert!(of("f16", "24", "x", 16).iter().all(|fault| *fault == Fault::Shape));
        assert!(!of("f16", "24", "x", 16).is_empty());
    }
}
