//! Where the time of one token goes, a bar for each machine.

use super::Chart;
use super::canvas::{Align, Canvas, DrawError, HEAD, INK, MARGIN, TEXT, WIDTH, style};
use crate::format::{number, percent};
use crate::outcome::Outcome;
use crate::parts::{PARTS, total_us};

const ROW: i32 = 132;

pub(super) const CHART: Chart = Chart {
    file: "token-split.png",
    height: |outcome| {
        (!outcome.machines.is_empty())
            .then(|| (HEAD + 48 + ROW * outcome.machines.len() as i32) as u32)
    },
    draw,
};

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "Where the time of one output token goes",
        "Share of the time of one token; its length in µs at the right",
    )?;
    canvas.legend(HEAD + 12, PARTS.iter().map(|part| (part.colour, part.name)))?;
    for (i, machine) in outcome.machines.iter().enumerate() {
        let y = HEAD + 62 + ROW * i as i32;
        let split = &machine.token_split;
        let right = WIDTH as i32 - MARGIN;
        canvas.text((MARGIN, y), &machine.name, style(TEXT + 2, true, INK), Align::Left)?;
        let total =
            format!("{} µs, {} tokens/s", number(total_us(split)), number(machine.tokens_per_s));
        canvas.label((right, y), &total, Align::Right)?;
        let mut x = f64::from(MARGIN);
        for part in &PARTS {
            let share = part.share(split);
            let end = x + share * f64::from(right - MARGIN);
            canvas.bar((x, end), (y + 20, y + 76), part.colour)?;
            if end - x > 70.0 {
                let middle = ((x + end) / 2.0) as i32;
                canvas.label((middle, y + 48), &percent(share), Align::Middle)?;
            }
            x = end;
        }
    }
    Ok(())
}
