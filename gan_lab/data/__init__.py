"""Data as an endless sequence of batches, in which batch i is a pure function of (seed, i).

Hence the data position of a run is one integer, any number of batches may be drawn in a round, and a resumed run
goes on with exactly the batch that it would have drawn. See `gan_lab.data.module.GameData`.
"""
