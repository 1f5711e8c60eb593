"""The pages of an enclave as Gramine builds it, and so its MRENCLAVE.

From the enclave's end downwards lie the manifest, and for each thread state save areas, control
structures, thread blocks, stacks and signal stacks; then Gramine's loader (libpal.so); what is
left down to the lowest address is heap, added without being measured. All of it follows from the
manifest and from libpal.so, in a layout that belongs to a version of Gramine.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack_into
from typing import TYPE_CHECKING, Final

from coprove.errors import InputError
from coprove.prover.tee.measure.elf import ElfImage, parse_elf
from coprove.prover.tee.measure.manifest import GramineManifest
from coprove.prover.tee.measure.sgx import PAGE_SIZE, EnclaveMeasurement, PageType, page_flags

if TYPE_CHECKING:
    from coprove.types import Hash32

__all__ = ["GRAMINE_LAYOUTS", "GramineLayout", "GramineMeasurement", "measure_gramine"]

_RW: Final = page_flags(PageType.REGULAR, read=True, write=True)
_RO: Final = page_flags(PageType.REGULAR, read=True)
_RWX: Final = page_flags(PageType.REGULAR, read=True, write=True, execute=True)
_TCS: Final = page_flags(PageType.TCS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GramineLayout:
    """The numbers of one version (its pal_linux_defs.h, pal_tcb.h, sgx_arch.h)."""

    ssa_frame_pages: int = 4
    """Pages of one state save area."""
    ssa_frames: int = 2
    """State save areas of a thread."""
    stack_pages: int = 64
    """Pages of a thread's stack."""
    signal_stack_pages: int = 16
    """Pages of a thread's signal stack."""
    gpr_size: int = 184
    """Bytes of the registers at the end of a state save area."""
    lowest_address: int = 0x10000
    """Where the heap begins; the enclave begins at 0."""
    canary: int = 0xBADB_ADBA_DBAD
    """What stack protection begins with."""
    block_fields: tuple[tuple[str, int], ...] = (
        ("self", 0),
        ("canary", 8),
        ("enclave_size", 272),
        ("tcs", 280),
        ("stack_end", 288),
        ("signal_stack_start", 304),
        ("signal_stack_end", 312),
        ("ssa", 328),
        ("registers", 336),
        ("manifest_size", 416),
        ("heap_start", 424),
        ("heap_end", 432),
    )
    """Offsets in a thread block (struct pal_enclave_tcb) of the values that are not zero."""


GRAMINE_LAYOUTS: Final[dict[str, GramineLayout]] = {"1.9": GramineLayout()}
"""By Gramine's version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GramineMeasurement:
    """An enclave's measurement and what it covers."""

    mr_enclave: Hash32
    """MRENCLAVE."""
    loader_address: int
    """Where libpal.so lies; the heap ends there."""
    measured_pages: int
    """Pages whose content is measured."""
    heap_pages: int
    """Pages that are added without content."""


@dataclass(frozen=True, slots=True)
class _Area:
    """Pages of one kind, one after the other."""

    address: int
    content: bytes
    flags: int


def measure_gramine(manifest: bytes, libpal: bytes, *, version: str = "1.9") -> GramineMeasurement:
    """Return the measurement of the enclave that Gramine builds from two files.

    `manifest` are the bytes of the `.manifest.sgx`, `libpal` those of Gramine's sgx/libpal.so.
    InputError for a version whose layout is not known, for files that are something else, and for
    an enclave that is too small for its threads.
    """
    layout = GRAMINE_LAYOUTS.get(version)
    if layout is None:
        known = ", ".join(GRAMINE_LAYOUTS)
        raise InputError("Gramine version", expected=known, actual=version)
    given = GramineManifest.parse(manifest)
    image = parse_elf(libpal)
    measurement = EnclaveMeasurement(
        size=given.enclave_size, ssa_frame_pages=layout.ssa_frame_pages
    )
    build = _Build(given, image, layout)
    pages = 0
    for area in build.areas():
        for at in range(0, len(area.content), PAGE_SIZE):
            page = area.content[at : at + PAGE_SIZE]
            measurement.add_page(area.address + at, area.flags, page)
            pages += 1
    heap = 0 if given.edmm else (build.loader - layout.lowest_address) // PAGE_SIZE
    measurement.add_pages(layout.lowest_address, heap, _RWX)
    return GramineMeasurement(
        mr_enclave=measurement.value(),
        loader_address=build.loader,
        measured_pages=pages,
        heap_pages=heap,
    )


class _Build:
    """Where everything lies in one enclave."""

    def __init__(self, given: GramineManifest, image: ElfImage, layout: GramineLayout) -> None:
        self.given, self.image, self.layout = given, image, layout
        threads, self._end = given.max_threads, given.enclave_size
        text = given.content + b"\x00"
        self.manifest_text = text
        self.manifest = self._below(len(text))
        self.ssa = self._below(threads * self._ssa_size)
        self.tcs = self._below(threads * PAGE_SIZE)
        self.blocks = self._below(threads * PAGE_SIZE)
        self.stacks = [self._below(layout.stack_pages * PAGE_SIZE) for _ in range(threads)]
        self.signal_stacks = [
            self._below(layout.signal_stack_pages * PAGE_SIZE) for _ in range(threads)
        ]
        self.first = min(segment.address for segment in image.segments) // PAGE_SIZE * PAGE_SIZE
        last = max(segment.address + segment.size for segment in image.segments)
        if self.first:
            raise InputError("libpal.so", expected="an image from address 0", actual=self.first)
        self.loader = self._below(last)

    @property
    def _ssa_size(self) -> int:
        return self.layout.ssa_frame_pages * self.layout.ssa_frames * PAGE_SIZE

    def areas(self) -> list[_Area]:
        """Return the measured pages in the order in which they are added."""
        threads, layout = self.given.max_threads, self.layout
        stack = bytes(layout.stack_pages * PAGE_SIZE)
        signal_stack = bytes(layout.signal_stack_pages * PAGE_SIZE)
        return [
            _Area(self.manifest, _padded(self.manifest_text), _RO),
            _Area(self.ssa, bytes(threads * self._ssa_size), _RW),
            _Area(self.tcs, b"".join(map(self._control_structure, range(threads))), _TCS),
            _Area(self.blocks, b"".join(map(self._thread_block, range(threads))), _RW),
            *(_Area(address, stack, _RW) for address in self.stacks),
            *(_Area(address, signal_stack, _RW) for address in self.signal_stacks),
            *self._loader_areas(),
        ]

    def _below(self, size: int) -> int:
        self._end -= -(-size // PAGE_SIZE) * PAGE_SIZE
        if self._end < self.layout.lowest_address:
            raise InputError(
                "sgx.enclave_size",
                expected=f"room for {self.given.max_threads} threads",
                actual=self.given.enclave_size,
            )
        return self._end

    def _control_structure(self, thread: int) -> bytes:
        """Return a TCS (SDM 3D, 38.8): save areas, entry point, the thread block as GS."""
        page = bytearray(PAGE_SIZE)
        pack_into("<Q", page, 16, self.ssa + thread * self._ssa_size)
        pack_into("<I", page, 28, self.layout.ssa_frames)
        pack_into("<Q", page, 32, self.loader + self.image.entry)
        pack_into("<Q", page, 56, self.blocks + thread * PAGE_SIZE)
        pack_into("<II", page, 64, PAGE_SIZE - 1, PAGE_SIZE - 1)
        return bytes(page)

    def _thread_block(self, thread: int) -> bytes:
        layout = self.layout
        ssa = self.ssa + thread * self._ssa_size
        values = {
            "self": self.blocks + thread * PAGE_SIZE,
            "canary": layout.canary,
            "enclave_size": self.given.enclave_size,
            "tcs": self.tcs + thread * PAGE_SIZE,
            "stack_end": self.stacks[thread] + layout.stack_pages * PAGE_SIZE,
            "signal_stack_start": self.signal_stacks[thread],
            "signal_stack_end": self.signal_stacks[thread] + layout.signal_stack_pages * PAGE_SIZE,
            "ssa": ssa,
            "registers": ssa + layout.ssa_frame_pages * PAGE_SIZE - layout.gpr_size,
            "manifest_size": len(self.manifest_text),
            "heap_start": layout.lowest_address,
            "heap_end": self.loader,
        }
        page = bytearray(PAGE_SIZE)
        for name, offset in layout.block_fields:
            pack_into("<Q", page, offset, values[name])
        return bytes(page)

    def _loader_areas(self) -> list[_Area]:
        """Return the segments of libpal.so, each from its first page to its last."""
        areas = []
        for segment in self.image.segments:
            ahead = segment.address % PAGE_SIZE
            if segment.offset % PAGE_SIZE != ahead:
                raise InputError(
                    "libpal.so segment", expected="congruent offset", actual=hex(segment.offset)
                )
            size = -(-(ahead + segment.size) // PAGE_SIZE) * PAGE_SIZE
            content = (bytes(ahead) + segment.data).ljust(size, b"\x00")
            flags = page_flags(
                PageType.REGULAR,
                read=segment.read,
                write=segment.write,
                execute=segment.execute,
            )
            areas.append(_Area(self.loader + segment.address - ahead, content, flags))
        return areas


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // PAGE_SIZE) * PAGE_SIZE, b"\x00")
