//! wafersim: cycle-level simulation of wafer-scale and GPU-rack inference.
