"""Muon (Jordan et al. 2024): momentum whose matrices are orthogonalised, for the weights of layers; AdamW for the rest.

A convolution's weight counts as a matrix [out, in * kernel]. The step is scaled to AdamW's size, 0.2 * sqrt(max(m, n)),
so that one learning rate serves both.
"""

import torch
import torch.distributed as dist


@torch.no_grad()
def orthogonal(matrix):
    """The nearest orthogonal matrix, roughly, by five Newton-Schulz steps (in bf16, as its authors do)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (matrix / (matrix.norm() + 1e-7)).bfloat16()
    flip = x.shape[0] > x.shape[1]
    x = x.T if flip else x
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if flip else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                memory = self.state[p].setdefault("momentum", torch.zeros_like(p))
                memory.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(memory, group["momentum"]).flatten(1)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonal(update).view_as(p), alpha=-group["lr"] * 0.2 * max(update.shape) ** 0.5)


def average_gradients(parameters):
    """The mean over all processes that train together."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    dist.all_reduce(flat := torch.cat([g.flatten() for g in gradients]))
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(mean.view_as(gradient) / dist.get_world_size())


class Optimizers:
    """Muon for the weights of `hidden` layers, AdamW for everything else; the learning rates move together."""

    def __init__(self, module, hidden, lr, weight_decay=0.0):
        matrices = [p for n, p in module.named_parameters() if p.requires_grad and hidden(n, p)]
        others = [p for n, p in module.named_parameters() if p.requires_grad and not hidden(n, p)]
        self.all = [
            Muon(matrices, lr, weight_decay=weight_decay),
            torch.optim.AdamW(others, lr, betas=(0.9, 0.98), weight_decay=weight_decay),
        ]
        self.parameters, self.lr = matrices + others, lr

    def step(self, loss, factor):
        """One step downhill at factor times the learning rate; returns the gradient's norm."""
        loss.backward()
        if dist.is_initialized():
            average_gradients(self.parameters)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self.all:
            for group in optimizer.param_groups:
                group["lr"] = self.lr * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return norm.item()

    def state(self):
        return [o.state_dict() for o in self.all]

    def restore(self, state):
        for optimizer, values in zip(self.all, state):
            optimizer.load_state_dict(values)
