#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs step.mlir of a directory by jaxlib, on the arguments that lie beside it as raw floats: 0, 1, ... to result0, ...

usage: jax_step.py DIRECTORY
"""
import pathlib
import re
import sys

import jax
import jaxlib._jax
import numpy
from jax._src import xla_bridge
from jax._src.interpreters import mlir
from jax._src.lib.mlir import ir

folder = pathlib.Path(sys.argv[1])
text = (folder / "step.mlir").read_text()
client = xla_bridge.get_backend("cpu")
with mlir.make_ir_context():
    module = mlir.module_to_bytecode(ir.Module.parse(text))
devices = jaxlib._jax.DeviceList(tuple(client.local_devices()[:1]))
step = client.compile_and_load(module, devices, jaxlib._jax.CompileOptions())
shapes = re.findall(r"%arg\d+: tensor<([0-9x]*)f32>", text[:text.index("->")])
arguments = []
for number, shape in enumerate(shapes):
    values = numpy.fromfile(folder / str(number), numpy.float32)
    arguments.append(jax.device_put(values.reshape([int(extent) for extent in shape.split("x") if extent])))
results = step.execute_sharded(arguments).disassemble_into_single_device_arrays()
for number, result in enumerate(results):
    numpy.asarray(result[0]).tofile(folder / f"result{number}")
