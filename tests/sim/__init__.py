"""The whole house under a simulated sky."""
