"""Right LSTMs in five styles, as text, so that tests can make one of their lines wrong.

Each has functions of its own names for what they compute; `STYLES` gives the options with which
`lstm.tutor.check` judges it.
"""

LOOPS = '''
import math
import numpy as np


def sig(a):
    return 0.5 * (1 + math.tanh(a / 2))


def forward(X, W, c0, h0):
    n, b, D = X.shape
    H = c0.shape[1]
    G, C, Y = np.zeros((4, n, b, H)), np.zeros((n + 1, b, H)), np.zeros((n + 1, b, H))
    C[0], Y[0] = c0, h0
    for t in range(n):
        for r in range(b):
            for u in range(H):
                z = []
                for k in range(4):
                    a = W[0, k * H + u]
                    for d in range(D):
                        a += X[t, r, d] * W[1 + d, k * H + u]
                    for j in range(H):
                        a += Y[t, r, j] * W[1 + D + j, k * H + u]
                    z.append(a)
                i, f, o, g = sig(z[0]), sig(z[1]), sig(z[2]), math.tanh(z[3])
                G[:, t, r, u] = i, f, o, g
                C[t + 1, r, u] = f * C[t, r, u] + i * g
                Y[t + 1, r, u] = o * math.tanh(C[t + 1, r, u])
    return Y[1:].copy(), C[n].copy(), Y[n].copy(), (X, W, G, C, Y)


def backward(dY, cache, dC, dH):
    X, W, G, C, Y = cache
    n, b, D = X.shape
    H = dC.shape[1]
    dX, dW, dc, dh = np.zeros_like(X), np.zeros_like(W), dC, dH
    for t in range(n - 1, -1, -1):
        dc_before, dh_before = np.zeros_like(dc), np.zeros_like(dh)
        for r in range(b):
            for u in range(H):
                i, f, o, g = G[:, t, r, u]
                s = math.tanh(C[t + 1, r, u])
                dh_t = dY[t, r, u] + dh[r, u]
                dc_t = dc[r, u] + dh_t * o * (1 - s * s)
                dz = (
                    dc_t * g * i * (1 - i),
                    dc_t * C[t, r, u] * f * (1 - f),
                    dh_t * s * o * (1 - o),
                    dc_t * i * (1 - g * g),
                )
                dc_before[r, u] = dc_t * f
                for k in range(4):
                    column = k * H + u
                    dW[0, column] += dz[k]
                    for d in range(D):
                        dW[1 + d, column] += dz[k] * X[t, r, d]
                        dX[t, r, d] += dz[k] * W[1 + d, column]
                    for j in range(H):
                        dW[1 + D + j, column] += dz[k] * Y[t, r, j]
                        dh_before[r, j] += dz[k] * W[1 + D + j, column]
        dc, dh = dc_before, dh_before
    return dX, dW, dc, dh
'''

JOINED = '''
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(X, W, c0, h0):
    n, b, D = X.shape
    H = c0.shape[1]
    U, C, Hout, kept = np.ones((n, b, len(W))), [c0], [], []
    h = h0
    for t in range(n):
        U[t, :, 1 : 1 + D] = X[t]
        U[t, :, 1 + D :] = h
        z = U[t] @ W
        ifo, g = sigmoid(z[:, : 3 * H]), np.tanh(z[:, 3 * H :])
        i, f, o = np.split(ifo, 3, axis=1)
        C.append(f * C[-1] + i * g)
        h = o * np.tanh(C[-1])
        Hout.append(h)
        kept.append((i, f, o, g))
    return np.array(Hout).reshape(n, b, H), C[-1], h, dict(U=U, C=C, kept=kept, W=W, D=D)


def backward(dHout, cache, dCn, dHn):
    U, C, W, D = cache["U"], cache["C"], cache["W"], cache["D"]
    dHout = dHout.copy()
    n, b, H = dHout.shape
    dU, dW = np.zeros_like(U), np.zeros_like(W)
    dc, dh = dCn, dHn
    for t in reversed(range(n)):
        i, f, o, g = cache["kept"][t]
        s = np.tanh(C[t + 1])
        dh = dh + dHout[t]
        do = dh * s
        dc = dc + dh * o * (1 - s**2)
        di = dc * g
        df = dc * C[t]
        dg = dc * i
        dz = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
        dW += U[t].T @ dz
        dU[t] = dz @ W.T
        dh = dU[t, :, 1 + D :]
        dc = dc * f
    return dU[:, :, 1 : 1 + D], dW, dc, dh
'''

TORCH = '''
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def cell(x, h_prev, c_prev, w_ih, w_hh, b_ih, b_hh):
    z = x @ w_ih.T + b_ih + h_prev @ w_hh.T + b_hh
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
    i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c, (x, h_prev, c_prev, i, f, g, o, c, w_ih, w_hh)


def cell_backward(dh, dc_next, kept):
    x, h_prev, c_prev, i, f, g, o, c, w_ih, w_hh = kept
    s = np.tanh(c)
    dc = dc_next + dh * o * (1 - s**2)
    di, df, dg, do = dc * g, dc * c_prev, dc * i, dh * s
    dz = np.hstack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
    return dz @ w_ih, dz @ w_hh, dc * f, dz.T @ x, dz.T @ h_prev, dz.sum(0)


def forward(X, w_ih, w_hh, b_ih, b_hh, state):
    h, c = state
    outputs, kept = [], []
    for x in X:
        h, c, values = cell(x, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
        kept.append(values)
    return np.array(outputs).reshape(len(X), *c.shape), (h, c), (kept, X, w_ih, w_hh)


def backward(dY, cache, dstate):
    kept, X, w_ih, w_hh = cache
    dh, dc = dstate
    dX, dw_ih, dw_hh, db = np.zeros_like(X), 0 * w_ih, 0 * w_hh, 0 * w_ih[:, 0]
    for t in reversed(range(len(kept))):
        dX[t], dh, dc, more_ih, more_hh, more = cell_backward(dY[t] + dh, dc, kept[t])
        dw_ih, dw_hh, db = dw_ih + more_ih, dw_hh + more_hh, db + more
    return dX, dw_ih, dw_hh, db, db, (dh, dc)
'''

EINSUM = '''
import numpy as np


def forward(x, W, c0, h0):
    B, T, D = x.shape
    H = h0.shape[1]
    Wx, Wh, bias = W[1 : 1 + D].reshape(D, 4, H), W[1 + D :].reshape(H, 4, H), W[0].reshape(4, H)
    zx = np.einsum("btd,dkh->btkh", x, Wx) + bias
    hs, cs, gates = [h0], [c0], []
    for t in range(T):
        z = zx[:, t] + np.einsum("bj,jkh->bkh", hs[t], Wh)
        a = np.concatenate([0.5 + 0.5 * np.tanh(0.5 * z[:, :3]), np.tanh(z[:, 3:])], axis=1)
        cs.append(a[:, 1] * cs[t] + a[:, 0] * a[:, 3])
        hs.append(a[:, 2] * np.tanh(cs[t + 1]))
        gates.append(a)
    y = np.zeros_like(zx[:, :, 0])
    for t in range(T):
        y[:, t] = hs[t + 1]
    return y, cs[T], hs[T], (x, Wx, Wh, gates, cs, hs)


def backward(dy, cache, dc, dh):
    x, Wx, Wh, gates, cs, hs = cache
    B, T, D = x.shape
    dz = np.zeros((B, T, 4, dh.shape[1]), x.dtype)
    for t in range(T - 1, -1, -1):
        i, f, o, g = np.moveaxis(gates[t], 1, 0)
        s = np.tanh(cs[t + 1])
        dh = dh + dy[:, t]
        dc = dc + dh * o * (1 - s * s)
        dz[:, t, 0] = dc * g * i * (1 - i)
        dz[:, t, 1] = dc * cs[t] * f * (1 - f)
        dz[:, t, 2] = dh * s * o * (1 - o)
        dz[:, t, 3] = dc * i * (1 - g**2)
        dh = np.einsum("bkh,jkh->bj", dz[:, t], Wh)
        dc = dc * f
    before = np.moveaxis(np.array(hs[:-1] or [0 * dh])[:T], 0, 1)
    dWx = np.einsum("btd,btkh->dkh", x, dz)
    dWh = np.einsum("btj,btkh->jkh", before, dz) if T else 0 * Wh
    dW = np.concatenate([dz.sum((0, 1))[None], dWx, dWh]).reshape(1 + D + dh.shape[1], -1)
    return np.einsum("btkh,dkh->btd", dz, Wx), dW, dc, dh
'''

JAX = '''
import jax
import jax.numpy as jnp


@jax.jit
def run(X, W, c0, h0):
    D = X.shape[2]

    def step(state, x):
        c, h = state
        z = W[0] + x @ W[1 : 1 + D] + h @ W[1 + D :]
        i, f, o, g = jnp.split(z, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (c, h), h

    (Cn, Hn), Hout = jax.lax.scan(step, (c0, h0), X)
    return Hout, Cn, Hn


def forward(X, W, c0, h0):
    arrays = [jnp.asarray(a) for a in (X, W, c0, h0)]
    (Hout, Cn, Hn), back = jax.vjp(run, *arrays)
    return Hout, Cn, Hn, back


def backward(dHout, back, dCn, dHn):
    return back(tuple(jnp.asarray(a) for a in (dHout, dCn, dHn)))
'''

STYLES = {
    "loops": (LOOPS, {}),
    "joined": (JOINED, {}),
    "PyTorch": (TORCH, {"convention": "PyTorch"}),
    "einsum, batch first": (EINSUM, {"batch_first": True}),
    "JAX": (JAX, {}),
}


def load(source, *changes):
    """The two functions, with pieces of the text replaced."""
    for right, wrong in changes:
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    scope = {}
    exec(compile(source, "<somebody's LSTM>", "exec"), scope)
    return scope["forward"], scope["backward"]
