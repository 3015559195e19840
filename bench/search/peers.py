"""The peers of bench/search: DEAP's NSGA-II and Once-for-All's evolution.

Called by main.go with a file that holds a question; prints the answer.
"""

import json
import random
import sys
import time

import numpy as np
from deap import algorithms, base, benchmarks, creator, tools

creator.create("Fitness2", base.Fitness, weights=(-1.0, -1.0))
creator.create("Fitness3", base.Fitness, weights=(-1.0, -1.0, -1.0))


def known(q):
    """DEAP's NSGA-II as its own example for ZDT writes it."""
    random.seed(q["seed"])
    three = q["known"] == "DTLZ2"
    creator.create("Vector", list, fitness=creator.Fitness3 if three else creator.Fitness2)
    lower, upper = q["lower"], q["upper"]
    function = (lambda x: benchmarks.dtlz2(x, 3)) if three else getattr(benchmarks, q["known"].lower())

    def evaluate(population):
        for x in population:
            x.fitness.values = function(x)

    population = [creator.Vector(random.uniform(a, b) for a, b in zip(lower, upper)) for _ in range(100)]
    evaluate(population)
    population = tools.selNSGA2(population, 100)
    for _ in range(q["evaluations"] // 100 - 1):
        children = [creator.Vector(x) for x in tools.selTournamentDCD(population, 100)]
        for a, b in zip(children[::2], children[1::2]):
            if random.random() <= 0.9:
                tools.cxSimulatedBinaryBounded(a, b, 20.0, lower, upper)
            for x in (a, b):
                tools.mutPolynomialBounded(x, 20.0, lower, upper, 1.0 / len(lower))
        evaluate(children)
        population = tools.selNSGA2(population + children, 100)
    return {"front": [x.fitness.values for x in population]}


class Networks:
    """The space by arrays; genes are size, depths, choices."""

    def __init__(self, q):
        self.q = q
        self.stages = len(q["depths"])
        self.cells = np.zeros((q["sizes"], len(q["cells"][0]), 9))
        for r, blocks in enumerate(q["cells"]):
            for b, row in enumerate(blocks):
                self.cells[r, b, : len(row)] = row
        self.base = np.array(q["base"])
        self.blocks = self.cells.shape[1]
        self.w = [np.array(w, np.float32) for w in q["w"]]
        self.b = [np.array(b, np.float32) for b in q["b"]]
        # The first layer of a one-hot row is a sum of rows of its matrix; the
        # one-hot row itself is made by one product with this table.
        self.onehot = np.zeros((len(q["columns"]), len(q["w"][0])), np.float32)
        for i, columns in enumerate(q["columns"]):
            self.onehot[i, columns or []] = 1
        self.stage_of = np.concatenate([[s] * d[-1] for s, d in enumerate(q["depths"])])
        self.place = np.concatenate([np.arange(d[-1]) for d in q["depths"]])
        self.deep = np.array([d + [d[-1]] * (9 - len(d)) for d in q["depths"]])
        self.high = np.array([q["sizes"]] + [len(d) for d in q["depths"]] + [q["choices"][s] for s in self.stage_of])
        self.check()

    def live(self, g):
        depth = self.deep[np.arange(self.stages), g[:, 1 : 1 + self.stages]]
        return self.place < depth[:, self.stage_of]

    def ms(self, g):
        cells = self.cells[g[:, :1], np.arange(self.blocks), g[:, 1 + self.stages :]]
        return self.base[g[:, 0]] + (cells * self.live(g)).sum(1)

    def accuracy(self, g):
        n = len(g)
        x = np.zeros((n, self.blocks, 9), np.float32)
        live = self.live(g)
        rows, blocks = np.nonzero(live)
        x[rows, blocks, g[:, 1 + self.stages :][rows, blocks]] = 1
        size = np.zeros((n, self.q["sizes"]), np.float32)
        size[np.arange(n), g[:, 0]] = 1
        h = np.concatenate([x.reshape(n, -1), size], 1) @ self.onehot
        for i, (w, b) in enumerate(zip(self.w, self.b)):
            h = h @ w + b
            if i + 1 < len(self.w):
                np.maximum(h, 0, out=h)
        return h[:, 0] + self.q["add"]

    def random(self, rng, n):
        return rng.integers(0, self.high, (n, len(self.high)))

    def check(self):
        g = np.array([c["genome"][: len(self.high)] for c in self.q["checks"]])
        assert np.allclose(self.ms(g), [c["ms"] for c in self.q["checks"]], rtol=1e-9)
        assert np.allclose(self.accuracy(g), [c["accuracy"] for c in self.q["checks"]], atol=1e-5)


def best(archive, limits):
    """The most accurate of all evaluated within each limit."""
    ms, accuracy = np.concatenate([a[0] for a in archive]), np.concatenate([a[1] for a in archive])
    return [float(accuracy[ms <= limit].max()) for limit in limits]


def deap(net, q):
    """DEAP's NSGA-II on integers, each generation one batch of numpy."""
    random.seed(q["seed"])
    creator.create("Genes", list, fitness=creator.Fitness2)
    high, archive, size = net.high.tolist(), [], 100
    most = [h - 1 for h in high]

    def evaluate(population):
        g = np.array(population)
        ms, accuracy = net.ms(g), net.accuracy(g)
        archive.append((ms, accuracy))
        # Beyond the largest limit both objectives are penalised.
        over = np.maximum(0, ms / q["limits"][-1] - 1) * 100
        for x, e, m in zip(population, (1 - accuracy + over).tolist(), (ms + over).tolist()):
            x.fitness.values = (e, m)

    begin = time.perf_counter()
    population = [creator.Genes(random.randrange(h) for h in high) for _ in range(size)]
    evaluate(population)
    population = tools.selNSGA2(population, size, nd="log")
    for _ in range(q["evaluations"] // size - 1):
        children = [creator.Genes(x) for x in tools.selTournamentDCD(population, size)]
        for a, b in zip(children[::2], children[1::2]):
            if random.random() <= 0.9:
                tools.cxUniform(a, b, 0.5)
            for x in (a, b):
                tools.mutUniformInt(x, 0, most, 1.0 / len(high))
        evaluate(children)
        population = tools.selNSGA2(population + children, size, nd="log")
    seconds = time.perf_counter() - begin
    return {"evaluations": size * len(archive), "seconds": seconds, "best": best(archive, q["limits"])}


def evolution(net, q):
    """Once-for-All's evolution: one limit a run, population 100, 25 parents,
    half mutants (each gene with 0.1) and half children of two, all that exceed
    the limit drawn again; batches are vectorised as far as numpy allows."""
    rng, archive, evaluated = np.random.default_rng(q["seed"]), [], 0
    begin = time.perf_counter()
    for limit in q["limits"]:

        def within(draw, n):
            kept, have = [], 0
            while have < n:
                g = draw(2 * n)
                g = g[net.ms(g) <= limit]
                kept.append(g)
                have += len(g)
            return np.concatenate(kept)[:n]

        population = within(lambda n: net.random(rng, n), 100)
        scores = net.accuracy(population)
        archive.append((net.ms(population), scores))
        for _ in range(q["evaluations"] // 100 - 1):
            order = np.argsort(-scores)[:25]
            parents, kept = population[order], scores[order]

            def mutants(n):
                g = parents[rng.integers(0, 25, n)]
                return np.where(rng.random(g.shape) < 0.1, net.random(rng, n), g)

            def children(n):
                a, b = parents[rng.integers(0, 25, n)], parents[rng.integers(0, 25, n)]
                return np.where(rng.random(a.shape) < 0.5, a, b)

            fresh = np.concatenate([within(mutants, 50), within(children, 50)])
            found = net.accuracy(fresh)
            archive.append((net.ms(fresh), found))
            population, scores = np.concatenate([parents, fresh]), np.concatenate([kept, found])
        evaluated += q["evaluations"]
    seconds = time.perf_counter() - begin
    return {"evaluations": evaluated, "seconds": seconds, "best": best(archive, q["limits"])}


def main():
    with open(sys.argv[1]) as f:
        q = json.load(f)
    if "known" in q:
        print(json.dumps(known(q)))
        return
    net = Networks(q)
    print(json.dumps({"deap": deap(net, q), "ofa": evolution(net, q)}))


main()
