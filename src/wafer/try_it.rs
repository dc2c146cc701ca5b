#[cfg(test)]
mod tests {
    use crate::wafer::layer::*;
    use crate::wafer::mapper::*;
    use crate::wafer::timer::*;
    use sim_fabric::mesh::spec::FabricSpec;
    use sim_sram::PeSpec;
    use workloads::forward::*;
    use workloads::model::import::import;

    #[test]
    fn look() {
        let model = import(include_str!("../../examples/models/kimi-k2.6.json"), "k").unwrap();
        let graph = forward(&model, Step::Decode { batch: 1, context: 14700 });
        let ops: Vec<Operator> =
            graph.node_weights().filter(|o| o.layer == Some(5)).cloned().collect();
        let part = Part { kind: "moe", operators: ops };
        let fabric = FabricSpec {
            hop_cycles: 1,
            ramp_cycles: 2,
            queue_depth: 4,
            ramp_in_depth: 4,
            ramp_out_depth: 8,
            switch_cycles: 0,
        };
        let pe = PeSpec {
            f16_per_cycle: 8,
            f32_per_cycle: 4,
            f32_mul_per_cycle: 1,
            max_per_cycle: 4,
            setup_cycles: 28,
            pipeline_cycles: 6,
            gap_cycles: 16,
            task_start_cycles: 24,
            unpack_cycles: 1,
            special_cycles: 12,
        };
        let timer = Timer::new(fabric, pe, Engine::Stream);
        for rows in [390, 372, 292] {
            let t = std::time::Instant::now();
            let run = Run {
                timer: &timer,
                columns: 755,
                rows,
                hidden: 7168,
                attention: model.attention,
                tokens: 1,
                distinct_experts: 8,
                buffer: 4096,
            };
            let found =
                search(&run, &part, Limits { sram: 49152, reserve: 8192 }, &|_| {}).unwrap();
            println!("rows {rows} {:?}", t.elapsed());
            match found {
                Err(over) => println!("does not fit by {over}"),
                Ok(m) => {
                    println!("{:?}\n{} {:?}", m.choices, m.run.spent.total(), m.run.spent);
                    for o in &m.run.operators {
                        println!(
                            "{:20} {:6} arith {:5} mem {:4} fabric {:5} wait {:5} {:?} {} {:?} ho {}",
                            o.kernel.name,
                            o.spent.total(),
                            o.spent.arithmetic,
                            o.spent.memory,
                            o.spent.fabric,
                            o.spent.waiting,
                            o.kernel.rectangle,
                            o.kernel.collective,
                            o.kernel.memory,
                            o.spent.handed_over
                        );
                    }
                    println!("{:?}", m.ledger.total());
                }
            }
        }
    }
}
