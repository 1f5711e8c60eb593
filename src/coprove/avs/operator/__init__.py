"""An operator of the AVS: attests, has tasks proven, signs each once."""
