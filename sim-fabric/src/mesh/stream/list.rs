//! Short lists of numbers that only grow and shrink at their ends; most hold one.

/// A list; what does not fit lies in [`Lists`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    /// 0: empty; 1: only `one`; else two more than where the numbers lie.
    place: u32,
    one: u32,
}

/// Lists of several numbers.
#[derive(Default)]
pub(super) struct Lists {
    spilled: Vec<Vec<u32>>,
}

impl Lists {
    /// The numbers of a list.
    #[inline]
    pub(super) fn items<'a>(&'a self, list: &'a List) -> &'a [u32] {
        match list.place {
            0 => &[],
            1 => std::slice::from_ref(&list.one),
            place => &self.spilled[place as usize - 2],
        }
    }

    /// How many numbers a list holds.
    #[inline]
    pub(super) fn count(&self, list: &List) -> usize {
        self.items(list).len()
    }

    /// Appends a number.
    pub(super) fn push(&mut self, list: &mut List, item: u32) {
        match list.place {
            0 => *list = List { place: 1, one: item },
            1 => {
                self.spilled.push(vec![list.one, item]);
                list.place = self.spilled.len() as u32 + 1;
            }
            place => self.spilled[place as usize - 2].push(item),
        }
    }

    /// Forgets all numbers from `limit` up; the list must be in ascending order.
    pub(super) fn cut(&mut self, list: &mut List, limit: u32) {
        match list.place {
            0 => {}
            1 => list.place = u32::from(list.one < limit),
            place => {
                let items = &mut self.spilled[place as usize - 2];
                items.truncate(items.partition_point(|&item| item < limit));
            }
        }
    }
}
