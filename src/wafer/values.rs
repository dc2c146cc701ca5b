//! Kernels with numbers: the same phases that are timed, run on a whole rectangle in the reference
//! engine, every PE with its memory.
//!
//! ```text
//! phases of a kernel --+-- cost, lines  --> the timer: one line for all, times
//!                      +-- instructions, buffers --> here: every PE of the rectangle, numbers
//! ```
//! Local work takes the cycles that the phase says and then has its instructions' results; a
//! collective is the line's program on the buffer that the phase names. Buffers lie where they first
//! fit. All memory begins as 0: accumulators are taken to be cleared while a PE waits for its next
//! token. Numbers are 32 bits wide and rounded nowhere else; scales of quantised weights are part of
//! the weights. For small rectangles: a phase costs every wavelet of every line.

pub mod load;
mod rounds;

use super::instruction::{Instruction, Place, Spot};
use super::kernels::Kernel;
use super::phase::{Axis, LinePhase, Phase};
use super::timer::Timer;
use crate::error::Error;
use sim_fabric::mesh::check::COLOURS;
use sim_fabric::mesh::collective::{Collective, gathered};
use sim_fabric::mesh::compose::{Step, compose};
use sim_fabric::mesh::program::{DType, FabricError, Op, OpKind, Operand, Program, Shape, Walk};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::wavelet;
use std::collections::BTreeMap;

/// Elements of a buffer, from the lowest to behind the highest.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    low: i32,
    high: i32,
}

/// The memory of every PE of a rectangle.
pub struct Values {
    shape: Shape,
    extents: BTreeMap<&'static str, Extent>,
    bases: BTreeMap<&'static str, i32>,
    /// Numbers of each PE, row by row.
    memory: Vec<Vec<f32>>,
    /// Cycle at which each PE is ready.
    ready: Vec<u64>,
}

impl Values {
    /// Room for all that `kernels` touch, and for what `rooms` asks for beyond: buffers whose
    /// addresses numbers decide.
    pub fn new(
        [columns, rows]: [u32; 2],
        kernels: &[Kernel],
        rooms: &[(&'static str, u32)],
    ) -> Self {
        let shape = Shape { columns, rows };
        let mut values = Self {
            shape,
            extents: BTreeMap::new(),
            bases: BTreeMap::new(),
            memory: Vec::new(),
            ready: vec![0; shape.pes()],
        };
        for phase in kernels.iter().flat_map(|kernel| &kernel.phases) {
            match phase {
                Phase::Local(local) => {
                    local.instructions.iter().for_each(|i| values.reserve_for(i));
                }
                Phase::Line(line) => {
                    values.reserve(line.on, 0, elements_of(line) as i32);
                }
            }
        }
        for &(buffer, elements) in rooms {
            values.reserve(Spot::of(buffer), 0, elements as i32);
        }
        let mut next = 0;
        for (name, extent) in &values.extents {
            values.bases.insert(name, next - extent.low);
            next += extent.high - extent.low;
        }
        values.memory = vec![vec![0.0; next.max(1) as usize]; shape.pes()];
        values
    }

    fn reserve(&mut self, first: Spot, low: i32, high: i32) {
        let extent = self.extents.entry(first.buffer).or_default();
        extent.low = extent.low.min(first.at + low);
        extent.high = extent.high.max(first.at + high);
    }

    fn reserve_for(&mut self, instruction: &Instruction) {
        if instruction.what == OpKind::Local {
            return;
        }
        for place in std::iter::once(&instruction.to).chain(instruction.from.iter().flatten()) {
            let walk = Walk::new(0, instruction.dims, strides(place, instruction.dims));
            let (low, high) = walk.reach();
            self.reserve(place.first, low as i32, high as i32 + 1);
            if let Some((at, _)) = place.index {
                self.reserve(at, 0, 1);
            }
        }
    }

    /// Number of PEs.
    pub fn pes(&self) -> usize {
        self.shape.pes()
    }

    /// Whether any kernel uses a buffer of this name.
    pub fn has(&self, buffer: &str) -> bool {
        self.extents.contains_key(buffer)
    }

    fn address(&self, spot: Spot) -> usize {
        let base = self.bases.get(spot.buffer).copied().unwrap_or(0);
        (base + spot.at).max(0) as usize
    }

    /// Sets a number in the PE of column `s` and row `o`.
    pub fn set(&mut self, (s, o): (u32, u32), spot: Spot, value: f32) {
        let at = self.address(spot);
        self.memory[(o * self.shape.columns + s) as usize][at] = value;
    }

    /// The number in the PE of column `s` and row `o`.
    pub fn get(&self, (s, o): (u32, u32), spot: Spot) -> f32 {
        self.memory[(o * self.shape.columns + s) as usize][self.address(spot)]
    }

    /// All PEs are ready at 0 again.
    pub fn rewind(&mut self) {
        self.ready.fill(0);
    }

    /// Runs a kernel; gives the cycle at which each PE is done, row by row.
    ///
    /// # Errors
    /// [`Error::Simulation`] if the engine fails, or where a phase does not say what it computes.
    pub fn run(
        &mut self,
        timer: &Timer,
        fabric: &FabricSpec,
        kernel: &Kernel,
    ) -> Result<&[u64], Error> {
        let mut steps: Vec<Step> = Vec::new();
        let mut colours = 0;
        for phase in &kernel.phases {
            match phase {
                Phase::Local(local) => {
                    steps.push(Step::Work(local.cost.total() as u32));
                    let ops = local.instructions.iter().map(|i| self.operation(kernel.name, i));
                    let [columns, rows] = kernel.rectangle;
                    // PEs beside the kernel's rectangle wait as long, and have nothing to compute with.
                    let within =
                        [middle(self.shape.columns, columns), middle(self.shape.rows, rows)];
                    steps.push(Step::Ops(ops.collect::<Result<_, _>>()?, within));
                }
                Phase::Line(line) => {
                    let program = timer.program(line).relocated(self.address(line.on) as u32);
                    let own = colours_of(&program);
                    if colours + own > COLOURS {
                        self.run_steps(fabric, &std::mem::take(&mut steps))?;
                        colours = 0;
                    }
                    colours += own;
                    steps.push(self.line(line, program));
                }
            }
        }
        self.run_steps(fabric, &steps)?;
        Ok(&self.ready)
    }

    fn line(&self, line: &LinePhase, program: Program) -> Step {
        let length = match line.axis {
            Axis::S => self.shape.columns,
            Axis::O => self.shape.rows,
        };
        // What is sent comes from the far end.
        let from = match line.collective {
            Collective::Send => 0,
            _ => middle(length, line.pes).start,
        };
        match line.axis {
            Axis::S => Step::Rows(program, from),
            Axis::O => Step::Columns(program, from),
        }
    }

    fn run_steps(&mut self, fabric: &FabricSpec, steps: &[Step]) -> Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        let failed = |error: FabricError| Error::Simulation(error.to_string());
        let program = compose(self.shape, steps);
        let start = self.ready.clone();
        let run =
            wavelet::run_values(&program, fabric, &start, &mut self.memory).map_err(failed)?;
        for (pe, range) in program.op_bases().windows(2).enumerate() {
            let done = run.done[range[0] as usize..range[1] as usize].iter().copied().max();
            self.ready[pe] = done.unwrap_or(0).max(self.ready[pe]);
        }
        Ok(())
    }

    /// An instruction as an operation of a program; its time is part of the phase's.
    fn operation(&self, kernel: &str, instruction: &Instruction) -> Result<Op, Error> {
        if instruction.what == OpKind::Local || instruction.tokens != 1 {
            return Err(Error::Simulation(format!(
                "{kernel}: a phase says how long it takes for {} tokens, not what it computes for one",
                instruction.tokens
            )));
        }
        let operand = |place: &Place| {
            let first = self.address(place.first) as u32;
            let walk = Walk::new(first, instruction.dims, strides(place, instruction.dims));
            Operand::Walk(match place.index {
                Some((at, scale)) => walk.indexed(self.address(at) as u32, scale),
                None => walk,
            })
        };
        let elements = instruction.dims.iter().product();
        let from = instruction.from.map(|place| place.as_ref().map_or(Operand::None, operand));
        Ok(Op::new(instruction.what, DType::F32, elements, operand(&instruction.to), from))
    }
}

/// The `pes` around the middle of `length`.
fn middle(length: u32, pes: u32) -> std::ops::Range<u32> {
    let from = length / 2 - pes / 2;
    from..from + pes
}

/// Strides of a place along an instruction's lengths.
fn strides(place: &Place, dims: [u32; 4]) -> [i32; 4] {
    place.strides.unwrap_or_else(|| {
        let [a, b, c, _] = dims.map(|dim| dim as i32);
        [1, a, a * b, a * b * c]
    })
}

/// Elements of a PE that a collective may touch.
fn elements_of(line: &LinePhase) -> u32 {
    let padded = line.elements.next_multiple_of(line.dtype.per_wavelet());
    let length = line.pes / line.segments;
    match line.collective {
        Collective::Gather { every, offset } => {
            padded * (gathered(length, every, offset).len() as u32).max(1)
        }
        Collective::ReduceScatter | Collective::AllGather => padded * (length + 1),
        Collective::Shift { .. } => 2 * padded,
        _ => padded,
    }
}

fn colours_of(program: &Program) -> usize {
    let routes = program.classes.iter().flat_map(|class| &class.routes);
    routes.map(|route| route.colour.0 as usize + 1).max().unwrap_or(0)
}
