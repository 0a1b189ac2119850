"""`python train.py model=dcgan loss=hinge`: the command `gan-lab train`, from a checkout."""

from gan_lab.cli.train import main

if __name__ == "__main__":
    main()
