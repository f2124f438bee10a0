"""Convolutions: their shapes as data, and lists of them under names."""

from dataclasses import dataclass

from roofline.records.work import Scalar

Pair = tuple[int, int]

# What may follow a convolution in the same kernel: it isn't part of the shape, but of the case.
ACTIVATIONS = ("relu",)
CONV_CLASSES = ("dense", "pointwise", "grouped", "depthwise")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvShape:
    """One two-dimensional convolution; pairs are (vertical, horizontal).

    Attributes:
        height, width: of the input.
        kernel, stride, padding, dilation: padding is added on both sides of each axis.
        groups: input and output channels are split into that many independent parts.
        bias: whether a trained number is added to each output channel.
        dtype: "float32" or "float64".

    """

    batch: int = 1
    in_channels: int
    height: int
    width: int
    out_channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False
    dtype: str = "float32"

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return _outputs(self, 0, self.height)

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return _outputs(self, 1, self.width)

    @property
    def group_in(self) -> int:
        """Input channels of one group."""
        return self.in_channels // self.groups

    @property
    def group_out(self) -> int:
        """Output channels of one group."""
        return self.out_channels // self.groups

    @property
    def outputs(self) -> int:
        """Elements of the output."""
        return self.batch * self.out_channels * self.out_height * self.out_width

    @property
    def conv_class(self) -> str:
        """One of `CONV_CLASSES`; a grouped 1x1 is "grouped"."""
        if self.groups > 1:
            return "depthwise" if self.groups == self.in_channels else "grouped"
        return "pointwise" if self.kernel == (1, 1) else "dense"

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The shape as flat scalars, as the parameters of a case; see `conv_shape`."""
        flat: dict[str, Scalar] = {
            name: getattr(self, name)
            for name in ("batch", "in_channels", "height", "width", "out_channels", "groups")
        }
        for name in ("kernel", "stride", "padding", "dilation"):
            flat[f"{name}_h"], flat[f"{name}_w"] = getattr(self, name)
        return flat | {"bias": self.bias}

    @property
    def text(self) -> str:
        """The shape in words, as short as it can be told: "64x56x56 -> 64, 3x3 p1 b"."""
        parts = [f"{self.in_channels}x{self.height}x{self.width} -> {self.out_channels},"]
        parts.append(f"{self.kernel[0]}x{self.kernel[1]}")
        for letter, pair, usual in (
            ("s", self.stride, (1, 1)),
            ("p", self.padding, (0, 0)),
            ("d", self.dilation, (1, 1)),
        ):
            if pair != usual:
                parts.append(letter + pair_text(pair))
        parts += [f"g{self.groups}"] * (self.groups > 1) + ["b"] * self.bias
        parts += [f"n{self.batch}"] * (self.batch > 1)
        return " ".join([*parts, *(["f64"] * (self.dtype == "float64"))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A convolution under a name, unique within its list."""

    name: str
    shape: ConvShape


def pair_text(pair: Pair) -> str:
    """Return "3" for (3, 3) and "3x5" for (3, 5)."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _outputs(shape: ConvShape, axis: int, size: int) -> int:
    reach = shape.dilation[axis] * (shape.kernel[axis] - 1) + 1
    return (size + 2 * shape.padding[axis] - reach) // shape.stride[axis] + 1
