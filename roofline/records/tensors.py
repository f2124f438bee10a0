"""Operators beside convolutions: matrix products, what works element by element, reorders."""

from dataclasses import dataclass

from roofline.records.work import Scalar

# What an element-by-element operator may do: concat copies, affine is x * scale + shift a channel.
ELEMENTWISE = ("add", "relu", "concat", "affine")


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmShape:
    """A matrix product C = A B (+ bias): A is rows x depth, B depth x columns, all row by row.

    Attributes:
        bias: whether a trained number is added to each column of C.
        packed: B is trained and was packed beforehand (a fully connected layer); else it is data
            that each call has to pack.
        dtype: "float32" or "float64".

    """

    rows: int
    columns: int
    depth: int
    bias: bool = False
    packed: bool = False
    dtype: str = "float32"

    @property
    def operator(self) -> str:
        """Its name: "linear" with trained weights, else "gemm"."""
        return "linear" if self.packed else "gemm"

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The shape as the parameters of a case; see `gemm_shape`."""
        names = ("rows", "columns", "depth", "bias", "packed")
        return {name: getattr(self, name) for name in names}

    @property
    def text(self) -> str:
        """The shape in words: "gemm 1024x1024x1024 b f64", rows x columns x depth."""
        sizes = f"{self.operator} {self.rows}x{self.columns}x{self.depth}"
        return sizes + " b" * self.bias + " f64" * (self.dtype == "float64")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementwiseShape:
    """An operator that works element by element on tensors (batch, channels, positions).

    Attributes:
        operation: one of `ELEMENTWISE`.
        channels: of each input that is concatenated; one number for everything else.
        positions: height times width.
        dtype: "float32" or "float64".

    """

    operation: str
    batch: int = 1
    channels: tuple[int, ...]
    positions: int
    dtype: str = "float32"

    @property
    def operator(self) -> str:
        """Its name."""
        return self.operation

    @property
    def elements(self) -> int:
        """Elements of the output."""
        return self.batch * sum(self.channels) * self.positions

    @property
    def inputs(self) -> int:
        """Input tensors, without what is trained."""
        return 2 if self.operation == "add" else len(self.channels)

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The shape as the parameters of a case; see `elementwise_shape`."""
        return {
            "operation": self.operation,
            "batch": self.batch,
            "channels": "+".join(map(str, self.channels)),
            "positions": self.positions,
        }

    @property
    def text(self) -> str:
        """The shape in words: "concat 64+32 channels x 3136"."""
        channels = self.parameters["channels"]
        batch = f" n{self.batch}" * (self.batch > 1)
        double = " f64" * (self.dtype == "float64")
        return f"{self.operation} {channels} channels x {self.positions}{batch}{double}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderShape:
    """A tensor copied between planes of channels (NCHW) and blocks of them (NCHWc).

    Attributes:
        blocked: whether into blocks; else out of them.
        positions: height times width.
        lanes: channels of a block; those that the last one lacks are zero.
        dtype: "float32" or "float64".

    """

    blocked: bool
    batch: int = 1
    channels: int
    positions: int
    lanes: int
    dtype: str = "float32"

    @property
    def operator(self) -> str:
        """Its name."""
        return "to-blocks" if self.blocked else "to-planes"

    @property
    def blocks(self) -> int:
        """Blocks of an image, the last perhaps not full."""
        return -(-self.channels // self.lanes)

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The shape as the parameters of a case; see `reorder_shape`."""
        names = ("blocked", "batch", "channels", "positions", "lanes")
        return {name: getattr(self, name) for name in names}

    @property
    def text(self) -> str:
        """The shape in words: "to-blocks 64 channels x 3136 by 8"."""
        batch = f" n{self.batch}" * (self.batch > 1)
        double = " f64" * (self.dtype == "float64")
        return f"{self.operator} {self.channels} channels x {self.positions} by {self.lanes}" + (
            batch + double
        )
