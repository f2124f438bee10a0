"""Kernels built for another processor than this host's: text of its assembly, never run."""

from collections.abc import Callable
from typing import Any

from llvmlite import binding as llvm
from llvmlite import ir

from benchmarks.simd import I64

TRIPLE = "aarch64-unknown-linux-gnu"
X86 = "x86_64-unknown-linux-gnu"


def listing(
    factory: Callable[[int], int],
    cpu: str = "neoverse-n1",
    *,
    features: str = "",
    triple: str = TRIPLE,
) -> str:
    """Return what the compiler makes of a kernel for a processor, as Numba optimises."""
    machine = _machine(triple, cpu, features)
    module = llvm.parse_assembly(str(_module(factory, triple)))
    module.verify()
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return str(machine.emit_assembly(module))


def _machine(triple: str, cpu: str, features: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, features=features, opt=3)


def _module(factory: Callable[[int], int], triple: str) -> Any:
    """Return a module with the kernel alone, by the same generator that Numba calls."""
    module = ir.Module("kernel")
    module.triple = triple
    kind = ir.FunctionType(I64, [I64])
    function = ir.Function(module, kind, "kernel")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    made: Any = factory
    _signature, codegen = made._defn(None, None)
    builder.ret(codegen(None, builder, _signature, function.args))
    return module
