"""The small networks of the part on fewer bits, each made by its rule, with its groups.

Every function returns a `Toy`: links and groups.
"""

from dataclasses import dataclass

import networkx as nx

# The 25 nodes and 43 links of figure 1 of Rosvall and Bergstrom 2008 (PNAS 105, 1118), with the
# widths of its links as weights.
_FIGURE_ONE = """
0 2 2; 1 2 4; 1 4 8; 2 3 5; 2 4 5; 2 5 5; 3 5 3; 4 5 4; 4 6 3; 6 7 8; 6 8 5; 6 9 4; 7 8 4; 7 11 3
8 9 5; 8 10 2; 8 11 3; 9 12 3; 9 23 4; 10 11 2; 10 12 5; 11 12 3; 12 13 2; 13 14 4; 13 16 4
14 15 3; 14 16 5; 15 16 4; 16 17 1; 17 19 4; 17 20 2; 17 21 4; 17 24 8; 18 21 4; 18 19 3; 19 20 4
19 21 2; 20 21 2; 21 22 4; 21 23 5; 21 24 2; 22 23 5; 23 24 3
"""


@dataclass(frozen=True)
class Toy:
    """A small network with a grouping of its nodes.

    Attributes
    ----------
    links : list of (source, target, weight)
    groups : list
        One module for each node 0, 1, 2, ...; a path where the groups are nested.
    directed : bool

    Examples
    --------
    >>> two_triangles().graph().number_of_edges()
    7
    """

    links: list
    groups: list
    directed: bool = False

    def graph(self):
        """The NetworkX graph, its nodes in order."""
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from(range(len(self.groups)))
        graph.add_weighted_edges_from(self.links)
        return graph


def two_triangles():
    """Two triangles and a bridge: 6 nodes.

    Examples
    --------
    >>> two_triangles().groups
    [0, 0, 0, 1, 1, 1]
    """
    links = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    return Toy([(a, b, 1.0) for a, b in links], [0, 0, 0, 1, 1, 1])


def nine_triangles():
    """Nine triangles in three rings of three, joined by three links of weight 0.8: 27 nodes.

    Examples
    --------
    >>> toy = nine_triangles()
    >>> len(toy.links), toy.groups[0], toy.groups[26]
    (39, (0, 0), (2, 2))
    """
    links = []
    for triangle in range(9):
        a, b, c = (3 * triangle + corner for corner in range(3))
        links += [(a, b, 1.0), (b, c, 1.0), (a, c, 1.0)]
        # Corner 1 of a triangle meets corner 2 of the next one of its ring.
        ring, place = divmod(triangle, 3)
        links.append((b, 9 * ring + 3 * ((place + 1) % 3) + 2, 1.0))
        if place == 0:
            # The corner that the ring leaves free meets that of the next ring's second triangle.
            links.append((a, 9 * ((ring + 1) % 3) + 3, 0.8))
    return Toy(links, [(node // 9, node // 3 % 3) for node in range(27)])


def ring_of_cliques(cliques=30, size=5):
    """Cliques in a ring, each joined to the next by one link.

    Examples
    --------
    >>> toy = ring_of_cliques(3, 4)
    >>> len(toy.groups), len(toy.links)
    (12, 21)
    """
    graph = nx.ring_of_cliques(cliques, size)
    links = [(a, b, 1.0) for a, b in graph.edges]
    return Toy(links, [node // size for node in range(cliques * size)])


def figure_one():
    """The 25 nodes of figure 1 of the paper that brought the map equation, in four groups.

    Examples
    --------
    >>> toy = figure_one()
    >>> len(toy.groups), len(toy.links)
    (25, 43)
    """
    links = [link.split() for line in _FIGURE_ONE.strip().splitlines() for link in line.split("; ")]
    ends = [0] * 6 + [1] * 7 + [2] * 4 + [3] * 8
    return Toy([(int(a), int(b), float(w)) for a, b, w in links], ends)


def flow_network():
    """Four rings of four one-way links, joined in a ring: what flows in stays for a while.

    Examples
    --------
    >>> len(flow_network().links)
    20
    """
    links = [(4 * ring + i, 4 * ring + (i + 1) % 4, 1.0) for ring in range(4) for i in range(4)]
    return Toy(links + _between_rings(), [node // 4 for node in range(16)], directed=True)


def source_sink_network():
    """The links of `flow_network`, turned: in every ring two nodes send and two receive.

    Examples
    --------
    >>> ends = {frozenset(link[:2]) for link in source_sink_network().links}
    >>> ends == {frozenset(link[:2]) for link in flow_network().links}
    True
    """
    inside = [(0, 1), (2, 1), (2, 3), (0, 3)]
    links = [(4 * ring + a, 4 * ring + b, 1.0) for ring in range(4) for a, b in inside]
    return Toy(links + _between_rings(), [node // 4 for node in range(16)], directed=True)


def _between_rings():
    return [(4 * ring, 4 * ((ring + 1) % 4) + 3, 1.0) for ring in range(4)]
