"""The table of providers. A new one is a file like its neighbours, a row here, and a setting for
its secret (runtime/config.py, runtime/outside/hooks.py)."""

from gateway.hooks import paystack, razorpay, sandbox, stripe
from gateway.hooks.reading import Provider

PROVIDERS = {
    sandbox.NAME: Provider(sandbox.SIGNATURE_HEADER, sandbox.fault, sandbox.read),
    stripe.NAME: Provider(stripe.SIGNATURE_HEADER, stripe.fault, stripe.read),
    razorpay.NAME: Provider(razorpay.SIGNATURE_HEADER, razorpay.fault, razorpay.read),
    paystack.NAME: Provider(paystack.SIGNATURE_HEADER, paystack.fault, paystack.read),
}
