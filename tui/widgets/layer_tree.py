"""The layers of a network as a tree that folds."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from tui.layer_tree import LayerNode, count

MOST_OPEN = 40  # lines; a network of more begins with its modules folded


class LayerTree(Tree[LayerNode]):
    """A line for each layer and module; `line_of` says what stands in it."""

    BINDINGS: ClassVar = [
        Binding("space", "toggle_node", "Fold", tooltip="Fold or unfold a module"),
        Binding("enter", "open", show=False, tooltip="Fold a module, or open a layer"),
        Binding("z", "fold_all", "Fold all", tooltip="Fold all modules, or unfold them"),
    ]
    DEFAULT_CSS = """
    LayerTree {
        background: $background;
        scrollbar-gutter: stable;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
        &:focus { background-tint: $foreground 0%; }
        & > .tree--guides, & > .tree--guides-hover, & > .tree--guides-selected {
            color: $panel-border;
        }
    }
    """
    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "

    class Opened(Message):
        """Enter was pressed on a layer."""

    def __init__(self, line_of: Callable[[LayerNode, int], str], id: str | None = None) -> None:
        """`line_of` gives the line of a layer, as wide as the columns that it is told."""
        super().__init__("network", id=id)
        self.line_of = line_of
        self.show_root = False
        self.guide_depth = 2

    def show_nodes(self, nodes: Sequence[LayerNode]) -> None:
        """Show these, in place of others."""
        self.clear()
        for node in nodes:
            self._add(self.root, node, expand=count(nodes) <= MOST_OPEN)
        self.root.expand()
        self.cursor_line = 0

    def _add(self, parent: TreeNode[LayerNode], node: LayerNode, *, expand: bool) -> None:
        if not node.children:
            parent.add_leaf(node.label, node)
            return
        branch = parent.add(node.label, node, expand=expand)
        for child in node.children:
            self._add(branch, child, expand=expand)

    def show_figures(self) -> None:
        """Draw all lines anew: there are new figures of them."""
        self._clear_line_cache()
        self.refresh()

    @property
    def columns(self) -> int:
        """How wide a line is, its indent included."""
        return self.scrollable_content_region.width

    def render_label(self, node: TreeNode[LayerNode], base_style: Style, style: Style) -> Text:
        mark = ("  ", self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE)
        text = Text(mark[node.allow_expand], base_style)
        depth, above = 0, node.parent
        while above is not None and not above.is_root:
            depth, above = depth + 1, above.parent
        room = self.columns - depth * self.guide_depth - 2
        if node.data is not None and room > 0:
            text.append(self.line_of(node.data, room), style)
        return text

    def action_open(self) -> None:
        if self.cursor_node and self.cursor_node.allow_expand:
            self.action_toggle_node()
        else:
            self.post_message(self.Opened())

    def action_fold_all(self) -> None:
        folded = any(node.is_expanded for node in self.root.children if node.allow_expand)
        for node in self.root.children:
            if folded:
                node.collapse_all()
            else:
                node.expand_all()
