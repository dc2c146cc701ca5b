//! Short lists of numbers that only grow and shrink at their ends; most hold one.

/// A list; what does not fit lies in [`Lists`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    /// Numbers in it.
    pub(super) count: u32,
    /// Where they lie, counted from 1; 0 while there was never more than one.
    spill: u32,
    one: u32,
}

/// Lists of several numbers.
#[derive(Default)]
pub(super) struct Lists {
    spilled: Vec<Vec<u32>>,
}

impl Lists {
    /// The numbers of a list.
    pub(super) fn items<'a>(&'a self, list: &'a List) -> &'a [u32] {
        match list.spill {
            0 if list.count == 0 => &[],
            0 => std::slice::from_ref(&list.one),
            spill => &self.spilled[spill as usize - 1],
        }
    }

    /// Appends a number.
    pub(super) fn push(&mut self, list: &mut List, item: u32) {
        match list.spill {
            0 if list.count == 0 => list.one = item,
            0 => {
                self.spilled.push(vec![list.one, item]);
                list.spill = self.spilled.len() as u32;
            }
            spill => self.spilled[spill as usize - 1].push(item),
        }
        list.count += 1;
    }

    /// Forgets all numbers from `limit` up; the list must be in ascending order.
    pub(super) fn cut(&mut self, list: &mut List, limit: u32) {
        let keep = self.items(list).partition_point(|&item| item < limit);
        list.count = keep as u32;
        if list.spill != 0 {
            self.spilled[list.spill as usize - 1].truncate(keep);
        }
    }
}
