//! What holds data and works on it in place: vector operations, and the capacity ledger of a PE.
